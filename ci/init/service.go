package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// execute becomes the command, as the user and with the rights of the service.
// It returns only if that fails.
func execute(c *Config, command []string, service bool) (int, error) {
	runtime.LockOSThread()
	if service {
		syscall.CloseOnExec(startFile)
	}
	environment := serviceEnvironment(c)
	if !service {
		environment = os.Environ()
	}
	id, err := resolve(c.User, c.Groups, "/etc/passwd", "/etc/group")
	if err != nil {
		return exitSetup, err
	}
	if service && c.Enforce {
		if err := ownNamespaces(c); err != nil {
			return exitSetup, err
		}
	}
	environment = withDefault(environment, "HOME", id.home)
	environment = withDefault(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	if err := setUlimits(c.Ulimits); err != nil {
		return exitSetup, err
	}
	if c.Enforce || os.Getuid() == 0 {
		if err := dropPrivileges(c, id); err != nil {
			return exitSetup, err
		}
	}
	os.Clearenv()
	for _, item := range environment {
		name, value, _ := strings.Cut(item, "=")
		os.Setenv(name, value)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return exitNotFound, fmt.Errorf("%s: no such program in the image", command[0])
	}
	return exitNotFound, fmt.Errorf("%s: %w", path, syscall.Exec(path, command, environment))
}

// startFile is where the second stage tells why it could not become the
// service; that it is closed without a word means that it did.
const startFile = 3

func tellStart(err error) {
	file := os.NewFile(startFile, "start")
	fmt.Fprint(file, err)
	file.Close()
}

func withDefault(environment []string, name, value string) []string {
	for _, item := range environment {
		if strings.HasPrefix(item, name+"=") {
			return environment
		}
	}
	return append(environment, name+"="+value)
}

// exitCode is what a shell and Docker make of a process's end.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
