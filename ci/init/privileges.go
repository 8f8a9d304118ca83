package main

import (
	"fmt"
	"strings"
	"syscall"
	"unsafe"
)

const (
	prCapbsetRead  = 23
	prCapbsetDrop  = 24
	prNoNewPrivs   = 38
	prCapAmbient   = 47
	ambientClear   = 4
	capVersion3    = 0x20080522
	lastCapability = 63
)

// The names in the kernel's order (linux/capability.h).
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID
SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE
SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// What Docker leaves a container by default: 0xa80425fb.
var dockerDefault = strings.Fields(`CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP
NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP`)

// capabilitySet turns names into a mask; case and a CAP_ prefix do not matter.
func capabilitySet(names []string) (uint64, error) {
	var mask uint64
	for _, name := range names {
		short := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
		if short == "ALL" {
			mask |= 1<<len(capabilityNames) - 1
			continue
		}
		bit := -1
		for number, known := range capabilityNames {
			if known == short {
				bit = number
			}
		}
		if bit < 0 {
			return 0, fmt.Errorf("there is no capability %q", name)
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// allowed is the set the service may have at most.
func (c *Config) allowed() (uint64, error) {
	switch {
	case c.Privileged:
		return ^uint64(0), nil
	case c.Capabilities == nil:
		return capabilitySet(dockerDefault)
	default:
		return capabilitySet(c.Capabilities)
	}
}

// dropPrivileges leaves the calling thread with the service's identity and at
// most its capabilities; exec passes that on.
func dropPrivileges(c *Config, id identity) error {
	mask, err := c.allowed()
	if err != nil {
		return err
	}
	for bit := 0; bit <= lastCapability; bit++ {
		if mask&(1<<bit) == 0 && prctl(prCapbsetRead, uintptr(bit)) == 0 {
			if errno := prctl(prCapbsetDrop, uintptr(bit)); errno != 0 && errno != syscall.EINVAL {
				return fmt.Errorf("dropping capability %d: %w", bit, errno)
			}
		}
	}
	prctl(prCapAmbient, ambientClear)
	// The inheritable set outlives a change of user: it is cleared before.
	if err := setCapabilities(^uint64(0)); err != nil {
		return err
	}
	if err := setIdentity(id); err != nil {
		return err
	}
	if id.uid == 0 {
		if err := setCapabilities(mask); err != nil {
			return err
		}
	}
	if c.NoNewPrivileges {
		if errno := prctl(prNoNewPrivs, 1); errno != 0 {
			return fmt.Errorf("no_new_privileges: %w", errno)
		}
	}
	return nil
}

// setIdentity uses raw calls: they bind the one thread that will exec.
func setIdentity(id identity) error {
	groups := make([]uint32, len(id.groups))
	for number, group := range id.groups {
		groups[number] = uint32(group)
	}
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); errno != 0 {
		return fmt.Errorf("setgroups %v: %w", groups, errno)
	}
	gid, uid := uintptr(id.gid), uintptr(id.uid)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return fmt.Errorf("setgid %d: %w", id.gid, errno)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return fmt.Errorf("setuid %d: %w", id.uid, errno)
	}
	return nil
}

// setCapabilities reduces effective and permitted to the mask, and clears inheritable.
func setCapabilities(mask uint64) error {
	header := [2]uint32{capVersion3, 0}
	var current [6]uint32
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&header)),
		uintptr(unsafe.Pointer(&current)), 0); errno != 0 {
		return fmt.Errorf("capget: %w", errno)
	}
	low := uint32(mask) & current[1]
	high := uint32(mask>>32) & current[4]
	wanted := [6]uint32{low, low, 0, high, high, 0}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)),
		uintptr(unsafe.Pointer(&wanted)), 0); errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}

func prctl(option, argument uintptr) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, argument, 0, 0, 0, 0)
	return errno
}
