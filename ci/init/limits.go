package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const cpuPeriod = 100_000 // microseconds, the kernel's default

var ulimitNumbers = map[string]int{
	"cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8,
	"as": 9, "locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
}

// setUlimits sets the limits of the calling process; exec passes them on.
func setUlimits(limits map[string]Limit) error {
	for name, limit := range limits {
		number, known := ulimitNumbers[name]
		if !known {
			return fmt.Errorf("there is no ulimit %q", name)
		}
		value := syscall.Rlimit{Cur: uint64(limit.Soft), Max: uint64(limit.Hard)}
		if err := syscall.Setrlimit(number, &value); err != nil {
			return fmt.Errorf("ulimit %s %d:%d: %w", name, limit.Soft, limit.Hard, err)
		}
	}
	return nil
}

func setSysctls(values map[string]string) error {
	for name, value := range values {
		path := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("sysctl %s=%s: %w", name, value, err)
		}
	}
	return nil
}

// setting is one file of the container's own control group.
type setting struct{ file, value string }

// groupSettings returns the files to write, for either version of cgroups.
func groupSettings(c *Config, unified bool) []setting {
	var all []setting
	quota := int64(c.CPUs * cpuPeriod)
	add := func(wanted bool, v1, v2, value1, value2 string) {
		switch {
		case wanted && unified:
			all = append(all, setting{v2, value2})
		case wanted:
			all = append(all, setting{v1, value1})
		}
	}
	memory, pids := fmt.Sprint(c.Memory), fmt.Sprint(c.Pids)
	add(c.Memory > 0, "memory/memory.limit_in_bytes", "memory.max", memory, memory)
	add(c.Pids > 0, "pids/pids.max", "pids.max", pids, pids)
	add(c.CPUs > 0, "cpu/cpu.cfs_period_us", "cpu.max", fmt.Sprint(cpuPeriod), fmt.Sprintf("%d %d", quota, cpuPeriod))
	if !unified {
		add(c.CPUs > 0, "cpu/cpu.cfs_quota_us", "", fmt.Sprint(quota), "")
	}
	return all
}

func limitResources(c *Config, root string) error {
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers"))
	for _, item := range groupSettings(c, err == nil) {
		if err := os.WriteFile(filepath.Join(root, item.file), []byte(item.value), 0); err != nil {
			return fmt.Errorf("limit %s=%s: %w", item.file, item.value, err)
		}
	}
	return nil
}
