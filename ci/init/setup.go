package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// scratch is a memory file system that only this container's root sees.
func (c *Config) scratch() string { return filepath.Join(filepath.Dir(c.Path), "run") }

// setUp makes the container what the file asks for. The order matters: what
// writes comes before what forbids to write.
func setUp(c *Config) (names *hosts, err error) {
	if !c.Enforce {
		return nil, nil
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("private mounts: %w", err)
	}
	if err := os.MkdirAll(c.scratch(), 0o700); err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", c.scratch(), "tmpfs", 0, "mode=700"); err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	steps := []func() error{
		func() error { return limitResources(c, "/sys/fs/cgroup") },
		func() error { return setSysctls(c.Sysctls) },
		func() error { return setHostname(c.Hostname) },
		func() error { names, err = bindHosts(c); return err },
		func() error { return mountTmpfs(c.Tmpfs) },
		func() error { return bindFolders(c.Binds) },
		func() error { return setNetwork(c.Network) },
	}
	if !c.Privileged {
		steps = append(steps, hideHost)
	}
	if c.ReadOnly {
		steps = append(steps, readOnlyRoot)
	}
	for _, path := range c.Frozen {
		steps = append(steps, func() error { return remountReadOnly(path) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func setHostname(name string) error {
	if name == "" {
		return nil
	}
	return syscall.Sethostname([]byte(name))
}

// serviceEnvironment drops what the engine added for itself.
func serviceEnvironment(c *Config) []string {
	var kept []string
	for _, name := range c.Environment {
		if value, set := os.LookupEnv(name); set {
			kept = append(kept, name+"="+value)
		}
	}
	if hostname, err := os.Hostname(); err == nil && c.Hostname != "" {
		kept = append(kept, "HOSTNAME="+hostname)
	}
	return kept
}

// ownNamespaces finishes the service's own view: its processes only, and
// nothing of this program's files.
func ownNamespaces(c *Config) error {
	if !c.Init {
		if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("proc: %w", err)
		}
		if !c.Privileged {
			for _, path := range readOnlyProc {
				if err := bindReadOnly(path); err != nil {
					return err
				}
			}
			for _, path := range maskedPaths {
				if strings.HasPrefix(path, "/proc/") {
					if err := mask(path); err != nil {
						return err
					}
				}
			}
		}
	}
	for _, path := range []string{c.State, c.scratch(), filepath.Dir(c.Path)} {
		if path != "" {
			// Not a mount of its own in every plan: nothing to hide then.
			_ = syscall.Unmount(path, syscall.MNT_DETACH)
		}
	}
	return nil
}
