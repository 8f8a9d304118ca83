// Clock prints CLOCK_MONOTONIC as it is when it begins, in nanoseconds.
package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

func main() {
	var now syscall.Timespec
	const monotonic = 1
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		fmt.Fprintln(os.Stderr, errno)
		os.Exit(1)
	}
	fmt.Println(now.Nano())
}
