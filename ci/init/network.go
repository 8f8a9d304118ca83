package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"time"
	"unsafe"
)

const resolveEvery = 500 * time.Millisecond

// setNetwork cuts the service off as its `network_mode: none` or its internal
// networks ask.
func setNetwork(mode string) error {
	switch mode {
	case "":
		return nil
	case "internal":
		return deleteDefaultRoute()
	case "none":
		interfaces, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, item := range interfaces {
			if item.Flags&net.FlagLoopback == 0 {
				if err := linkDown(item.Index); err != nil {
					return fmt.Errorf("taking %s down: %w", item.Name, err)
				}
			}
		}
		return nil
	default:
		return fmt.Errorf("unknown network mode %q", mode)
	}
}

// isolate keeps an unreachable route to every address of the names; a service
// that starts later, or again, has an address nobody knew before. What is
// there now is unreachable when it returns.
func isolate(names []string, stop <-chan struct{}) {
	blocked := map[string]bool{}
	block(names, blocked)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(resolveEvery):
				block(names, blocked)
			}
		}
	}()
}

func block(names []string, blocked map[string]bool) {
	for _, address := range lookUp(names) {
		if four := address.To4(); four != nil && !blocked[four.String()] {
			if err := unreachable(four); err == nil || err == syscall.EEXIST {
				blocked[four.String()] = true
			}
		}
	}
}

// lookUp returns all addresses of the names, asked for side by side; one that
// has not started yet has none.
func lookUp(names []string) []net.IP {
	answers := make(chan []net.IP)
	for _, name := range names {
		go func() {
			addresses, _ := net.LookupIP(name)
			answers <- addresses
		}()
	}
	var all []net.IP
	for range names {
		all = append(all, <-answers...)
	}
	return all
}

func linkDown(index int) error {
	payload := make([]byte, syscall.SizeofIfInfomsg)
	message := (*syscall.IfInfomsg)(unsafe.Pointer(&payload[0]))
	message.Index = int32(index)
	message.Change = syscall.IFF_UP
	return netlink(syscall.RTM_NEWLINK, 0, payload)
}

func deleteDefaultRoute() error {
	err := netlink(syscall.RTM_DELROUTE, 0, route(syscall.RTN_UNICAST, nil))
	if err == syscall.ESRCH {
		return nil // there is none
	}
	return err
}

func unreachable(address net.IP) error {
	flags := uint16(syscall.NLM_F_CREATE | syscall.NLM_F_EXCL)
	return netlink(syscall.RTM_NEWROUTE, flags, route(syscall.RTN_UNREACHABLE, address))
}

// route makes the message of one IPv4 route of the main table.
func route(kind uint8, address net.IP) []byte {
	payload := make([]byte, syscall.SizeofRtMsg)
	message := (*syscall.RtMsg)(unsafe.Pointer(&payload[0]))
	message.Family = syscall.AF_INET
	message.Table = syscall.RT_TABLE_MAIN
	message.Type = kind
	if address == nil {
		return payload
	}
	message.Protocol = syscall.RTPROT_STATIC
	message.Dst_len = 32
	attribute := make([]byte, syscall.SizeofRtAttr)
	binary.NativeEndian.PutUint16(attribute, uint16(syscall.SizeofRtAttr+len(address)))
	binary.NativeEndian.PutUint16(attribute[2:], syscall.RTA_DST)
	return append(append(payload, attribute...), address...)
}

// netlink sends one request and returns the kernel's answer to it.
func netlink(kind int, flags uint16, payload []byte) error {
	socket, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer syscall.Close(socket)
	header := make([]byte, syscall.SizeofNlMsghdr)
	message := (*syscall.NlMsghdr)(unsafe.Pointer(&header[0]))
	message.Len = uint32(len(header) + len(payload))
	message.Type = uint16(kind)
	message.Flags = syscall.NLM_F_REQUEST | syscall.NLM_F_ACK | flags
	if err := syscall.Sendto(socket, append(header, payload...), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, syscall.Getpagesize())
	count, _, err := syscall.Recvfrom(socket, answer, 0)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseNetlinkMessage(answer[:count])
	if err != nil {
		return err
	}
	for _, item := range messages {
		if item.Header.Type == syscall.NLMSG_ERROR {
			if code := int32(binary.NativeEndian.Uint32(item.Data)); code != 0 {
				return syscall.Errno(-code)
			}
		}
	}
	return nil
}
