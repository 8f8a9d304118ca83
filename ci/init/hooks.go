package main

import (
	"fmt"
	"strings"
	"time"
)

const (
	postStart = "post_start"
	preStop   = "pre_stop"
)

// hook returns the hook that a mode such as post_start.0 names.
func (c *Config) hook(mode string) (Hook, bool) {
	for name, hooks := range map[string][]Hook{postStart: c.PostStart, preStop: c.PreStop} {
		for number, hook := range hooks {
			if mode == fmt.Sprintf("%s.%d", name, number) {
				return hook, true
			}
		}
	}
	return Hook{}, false
}

// runHooks runs the hooks one after the other and returns the first failure;
// limit is each one's time (0: none).
func (s *supervisor) runHooks(name string, hooks []Hook, limit time.Duration) error {
	for number, hook := range hooks {
		var more []string
		for key, value := range hook.Environment {
			more = append(more, key+"="+value)
		}
		mode := fmt.Sprintf("%s.%d", name, number)
		code, output := s.beside(mode, "the hook", s.config.fill(hook.Command), more, hook.WorkingDir, limit)
		if code != 0 {
			return fmt.Errorf("its %s hook ended with exit code %d: %s", name, code, strings.TrimSpace(output))
		}
	}
	return nil
}

// afterStart runs the hooks of the first start; who waits for the service
// waits for them. A failure is told, and the service runs on.
func (s *supervisor) afterStart() {
	err := s.runHooks(postStart, s.config.PostStart, 0)
	s.record(func(o *Outcome) {
		o.Hooked = true
		if err != nil {
			o.Error = err.Error()
		}
	})
}
