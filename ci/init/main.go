// Init is the first process of a service container. It enforces what a
// compose file asks for and Dagger has no setting for, keeps the service's
// log and exit code, and runs its healthchecks.
//
//	init run CONFIG -- COMMAND...      be the service's first process
//	init await STATE CONDITION SECONDS wait for a service from another container
//	init inspect PATH...               print owner and mode of an image's folders
//
// The service itself is process 1 of a process namespace of its own, as it is
// under Docker: it ignores the signals it has no handler for, and its exit
// code is its own.
package main

import (
	"fmt"
	"os"
)

const (
	exitUsage    = 2
	exitSetup    = 125 // as Docker: the container could not be set up
	exitNotFound = 127 // as Docker: the command does not exist
	exitKilled   = 137 // 128 and SIGKILL
)

func main() {
	if done, err := tool(os.Args[1:]); done {
		if err != nil {
			fail(exitUsage, err)
		}
		return
	}
	mode, config, command, err := arguments(os.Args[1:])
	if err != nil {
		fail(exitUsage, err)
	}
	switch mode {
	case "run":
		os.Exit(run(config, command))
	case "service": // the second stage of run, in the service's own namespaces
		code, err := execute(config, command, true)
		tellStart(err)
		fail(code, err)
	case "probe": // the second stage of a healthcheck
		fail(execute(config, command, false))
	default:
		hook, known := config.hook(mode)
		if !known {
			fail(exitUsage, fmt.Errorf("unknown mode %q", mode))
		}
		if hook.User != "" {
			config.User = hook.User
		}
		fail(execute(config, command, false))
	}
}

// tool runs the modes that are no service's.
func tool(words []string) (bool, error) {
	switch {
	case len(words) == 4 && words[0] == "await":
		return true, await(words[1], words[2], words[3], os.Stdout)
	case len(words) > 1 && words[0] == "inspect":
		return true, inspect(words[1:], os.Stdout)
	default:
		return false, nil
	}
}

// arguments reads MODE CONFIG -- COMMAND...
func arguments(words []string) (mode string, config *Config, command []string, err error) {
	if len(words) < 4 || words[2] != "--" {
		return "", nil, nil, fmt.Errorf("usage: init run CONFIG -- COMMAND...")
	}
	config, err = readConfig(words[1])
	return words[0], config, words[3:], err
}

func fail(code int, err error) {
	fmt.Fprintf(os.Stderr, "init: %v\n", err)
	os.Exit(code)
}
