package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// outputLimit is how much of a probe's output is kept, as Docker keeps it.
const outputLimit = 4096

const (
	starting  = "starting"
	healthy   = "healthy"
	unhealthy = "unhealthy"
)

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }

// pace is the time between two probes before the first good one. Without a
// start_interval it is a second at most: who waits for the service should not
// wait for the interval that a running service is watched with.
func (h *Health) pace() time.Duration {
	if h.StartInterval > 0 {
		return seconds(h.StartInterval)
	}
	return min(seconds(h.Interval), time.Second)
}

// patience is how long a service may take to its first good probe: what
// start_period and retries of the full interval give it under Docker.
func (h *Health) patience() time.Duration {
	return seconds(h.StartPeriod) + time.Duration(h.Retries)*seconds(h.Interval)
}

// watch probes until stop is closed, and reports each change of state.
func watch(h *Health, probe func() (bool, string), stop <-chan struct{}, report func(state, output string)) {
	state, failures, began := starting, 0, time.Now()
	for {
		good, output := probe()
		wait := seconds(h.Interval)
		switch {
		case good:
			state, failures = healthy, 0
		case state == starting && time.Since(began) < h.patience():
			wait = h.pace()
		case state == starting:
			state = unhealthy
		default:
			if failures++; failures >= h.Retries {
				state = unhealthy
			}
		}
		report(state, output)
		select {
		case <-stop:
			return
		case <-time.After(wait):
		}
	}
}

// runProbe runs the healthcheck once.
func (s *supervisor) runProbe() (bool, string) {
	h := s.config.Health
	code, output := s.beside("probe", "the probe", h.Test, nil, "", seconds(h.Timeout))
	return code == 0, output
}

// beside runs a command with the service's user, environment and rights, and
// ends it when its time is over (0: there is no limit). It returns its exit
// code and the first of its output.
func (s *supervisor) beside(mode, name string, command, more []string, folder string, limit time.Duration) (int, string) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return exitSetup, err.Error()
	}
	defer reader.Close()
	words := append([]string{"init", mode, s.config.Path, "--"}, command...)
	pid, ended, err := s.reaper.start(words, &os.ProcAttr{
		Env: append(serviceEnvironment(s.config), more...), Files: []*os.File{s.null, writer, writer},
		Dir: folder, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	writer.Close()
	if err != nil {
		return exitSetup, err.Error()
	}
	output := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(reader, outputLimit))
		_, _ = io.Copy(io.Discard, reader)
		output <- string(text)
	}()
	if limit == 0 {
		limit = 1 << 62
	}
	select {
	case code := <-ended:
		_ = reader.SetReadDeadline(time.Now().Add(time.Second)) // a process left behind may hold the pipe
		return code, <-output
	case <-time.After(limit):
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-ended
		_ = reader.SetReadDeadline(time.Now().Add(time.Second))
		return exitKilled, <-output + fmt.Sprintf("\n%s took longer than its %s", name, limit)
	}
}
