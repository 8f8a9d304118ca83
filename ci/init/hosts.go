package main

import (
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

const hostsFile = "/etc/hosts"

// hosts is the container's /etc/hosts with lines of ours. The file itself is
// the engine's and read-only: a copy is bound over it, and written through its
// own path.
type hosts struct {
	path    string
	given   string
	aliases map[string]string
}

// bindHosts puts the copy in place; nothing is done where there is nothing to add.
func bindHosts(c *Config) (*hosts, error) {
	if len(c.Hosts) == 0 && len(c.Aliases) == 0 {
		return nil, nil
	}
	content, err := os.ReadFile(hostsFile)
	if err != nil {
		return nil, err
	}
	h := &hosts{path: filepath.Join(c.scratch(), "hosts"), aliases: c.Aliases}
	h.given = strings.TrimRight(string(content), "\n") + "\n"
	for _, line := range c.Hosts {
		h.given += line + "\n"
	}
	if err := os.WriteFile(h.path, []byte(h.given), 0o644); err != nil {
		return nil, err
	}
	if err := os.Chmod(h.path, 0o644); err != nil { // whatever the umask
		return nil, err
	}
	return h, syscall.Mount(h.path, hostsFile, "", syscall.MS_BIND, "")
}

// follow keeps the aliases' addresses: a service has one when it has started,
// and another when it was started again. Those that are there now are written
// when it returns.
func (h *hosts) follow(stop <-chan struct{}) {
	last := h.update("")
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(resolveEvery):
				last = h.update(last)
			}
		}
	}()
}

// update writes the lines if they are not the last ones, and returns what stands there now.
func (h *hosts) update(last string) string {
	text := h.lines(net.LookupHost)
	if text == last || os.WriteFile(h.path, []byte(h.given+text), 0o644) != nil {
		return last
	}
	return text
}

// lines returns a line for each alias whose service has an address.
func (h *hosts) lines(lookup func(string) ([]string, error)) string {
	var lines []string
	for alias, service := range h.aliases {
		addresses, err := lookup(service)
		if err == nil && len(addresses) > 0 {
			lines = append(lines, addresses[0]+"\t"+alias+"\n")
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}
