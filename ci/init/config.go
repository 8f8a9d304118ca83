package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
)

// Config is what the plan asks for one service; see ci/src/ci/stack.
type Config struct {
	Path string `json:"-"` // where it was read, for the second stage

	Enforce bool `json:"enforce"` // the engine lets this container be privileged
	Init    bool `json:"init"`    // the service is not process 1 but has one over it

	Environment []string `json:"environment"` // names to pass on; all others are the engine's
	User        string   `json:"user"`        // name, uid, or either with a group
	Groups      []string `json:"groups"`      // supplementary ones

	Capabilities    []string `json:"capabilities"` // exactly these are left; null: Docker's default set
	Privileged      bool     `json:"privileged"`   // all capabilities, devices and kernel settings
	NoNewPrivileges bool     `json:"no_new_privileges"`

	ReadOnly bool              `json:"read_only"`
	Binds    []Bind            `json:"binds"`
	Frozen   []string          `json:"frozen"` // mounts that are read-only
	Tmpfs    []Tmpfs           `json:"tmpfs"`
	Sysctls  map[string]string `json:"sysctls"`
	Ulimits  map[string]Limit  `json:"ulimits"`

	Memory int64   `json:"memory"` // bytes; 0: no limit
	Pids   int64   `json:"pids"`
	CPUs   float64 `json:"cpus"`

	Hostname    string            `json:"hostname"`
	Hosts       []string          `json:"hosts"`       // lines for /etc/hosts
	Aliases     map[string]string `json:"aliases"`     // further names of other services
	Network     string            `json:"network"`     // "", "none" or "internal"
	Unreachable []string          `json:"unreachable"` // names this service shares no network with

	State      string  `json:"state"` // folder of log and outcome; "": keep none
	StopSignal string  `json:"stop_signal"`
	StopGrace  float64 `json:"stop_grace"` // seconds between the stop signal and the kill
	Restart    string  `json:"restart"`    // no, on-failure, always
	Retries    int     `json:"retries"`    // of on-failure; 0: without limit

	Health    *Health `json:"health"`
	PostStart []Hook  `json:"post_start"`
	PreStop   []Hook  `json:"pre_stop"`

	// Placeholders in commands, each with the variable of this program's
	// environment that holds what it stands for.
	Placeholders map[string]string `json:"placeholders"`
}

// Bind is a folder of a volume that a service gets instead of the whole.
type Bind struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// Hook is a command beside the service, after its start or before its stop.
type Hook struct {
	Command     []string          `json:"command"`
	User        string            `json:"user"` // "": the service's
	WorkingDir  string            `json:"working_dir"`
	Environment map[string]string `json:"environment"`
}

// Health is a healthcheck; all times are in seconds.
type Health struct {
	Test          []string `json:"test"` // a command and its arguments
	Interval      float64  `json:"interval"`
	Timeout       float64  `json:"timeout"` // 0: no limit
	StartPeriod   float64  `json:"start_period"`
	StartInterval float64  `json:"start_interval"` // 0: at most one second
	Retries       int      `json:"retries"`
}

// Tmpfs is one memory file system.
type Tmpfs struct {
	Target string `json:"target"`
	Size   int64  `json:"size"` // bytes; 0: the kernel's default
	Mode   uint32 `json:"mode"` // 0: the target's own if it exists, else 01777
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Exec   bool   `json:"exec"`
}

// Limit is one resource limit; -1 is no limit.
type Limit struct {
	Soft int64 `json:"soft"`
	Hard int64 `json:"hard"`
}

func readConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := Config{Path: path}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &config, nil
}

// longestFirst returns the keys: one may begin another.
func longestFirst(values map[string]string) []string {
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool { return len(keys[i]) > len(keys[j]) })
	return keys
}

// fill puts what the placeholders stand for into a command.
func (c *Config) fill(words []string) []string {
	filled := make([]string, len(words))
	for number, word := range words {
		for _, placeholder := range longestFirst(c.Placeholders) {
			word = strings.ReplaceAll(word, placeholder, os.Getenv(c.Placeholders[placeholder]))
		}
		filled[number] = word
	}
	return filled
}
