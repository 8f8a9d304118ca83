package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The devices Docker gives a container; everything else in /dev is the host's.
var plainDevices = map[string]bool{
	"null": true, "zero": true, "full": true, "random": true, "urandom": true, "tty": true, "console": true,
	"ptmx": true, "pts": true, "shm": true, "mqueue": true, "core": true,
	"fd": true, "stdin": true, "stdout": true, "stderr": true,
}

// Kernel settings that a container without privileges cannot change (runc's list).
var readOnlyProc = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
	"/sys/devices/virtual/powercap", "/sys/firmware",
}

// mountTmpfs mounts what the file asks for. Over a folder of the image it takes
// that folder's mode, elsewhere 01777; it is noexec unless asked otherwise.
func mountTmpfs(mounts []Tmpfs) error {
	for _, item := range mounts {
		mode := item.Mode
		if mode == 0 {
			mode = 0o1777
			if info, err := os.Stat(item.Target); err == nil && item.Target != "/dev/shm" {
				mode = uint32(info.Sys().(*syscall.Stat_t).Mode & 0o7777)
			}
		}
		if err := os.MkdirAll(item.Target, 0o755); err != nil {
			return err
		}
		options := fmt.Sprintf("mode=%o,uid=%d,gid=%d", mode, item.UID, item.GID)
		if item.Size > 0 {
			options += fmt.Sprintf(",size=%d", item.Size)
		}
		flags := uintptr(syscall.MS_NOSUID | syscall.MS_NODEV)
		if !item.Exec {
			flags |= syscall.MS_NOEXEC
		}
		if err := syscall.Mount("tmpfs", item.Target, "tmpfs", flags, options); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", item.Target, err)
		}
	}
	return nil
}

// bindFolders shows a folder of a volume where the service wants it; as under
// Docker, it is there or the start fails.
func bindFolders(binds []Bind) error {
	for _, item := range binds {
		if err := os.MkdirAll(item.Target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(item.Source, item.Target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("the volume's folder for %s: %w", item.Target, err)
		}
	}
	return nil
}

// readOnlyRoot makes the root and the files the engine put into /etc read-only;
// volumes stay as they are.
func readOnlyRoot() error {
	for _, path := range []string{"/", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname"} {
		if err := remountReadOnly(path); err != nil && path == "/" {
			return fmt.Errorf("read-only root: %w", err)
		}
	}
	return nil
}

// remountReadOnly keeps the mount's other flags: the kernel refuses to lose locked ones.
func remountReadOnly(path string) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return err
	}
	keep := uintptr(stat.Flags) & (syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC)
	return syscall.Mount("", path, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|keep, "")
}

func bindReadOnly(path string) error {
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	if err := syscall.Mount(path, path, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("binding %s: %w", path, err)
	}
	if err := remountReadOnly(path); err != nil {
		return fmt.Errorf("making %s read-only: %w", path, err)
	}
	return nil
}

// hideHost takes away what only a privileged container sees.
func hideHost() error {
	entries, err := os.ReadDir("/dev")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !plainDevices[entry.Name()] {
			if err := os.RemoveAll(filepath.Join("/dev", entry.Name())); err != nil {
				return err
			}
		}
	}
	for _, path := range readOnlyProc {
		if err := bindReadOnly(path); err != nil {
			return err
		}
	}
	for _, path := range maskedPaths {
		if err := mask(path); err != nil {
			return err
		}
	}
	return readOnlyTree("/sys")
}

// readOnlyTree remounts a mount point and all mounts below it read-only.
func readOnlyTree(root string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(table), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 || (fields[4] != root && !strings.HasPrefix(fields[4], root+"/")) {
			continue
		}
		if err := remountReadOnly(fields[4]); err != nil {
			return fmt.Errorf("making %s read-only: %w", fields[4], err)
		}
	}
	return nil
}

func mask(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if info.IsDir() {
		err = syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_RDONLY, "")
	} else {
		err = syscall.Mount("/dev/null", path, "", syscall.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("masking %s: %w", path, err)
	}
	return nil
}
