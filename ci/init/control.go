package main

import (
	"bufio"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Orders that a line in the state folder's pipe gives, as `docker compose`
// would from outside; the container, its address and its files stay.
const (
	orderStop  = "stop"  // ask it to stop, then kill it, and leave it so
	orderKill  = "kill"  // the same without asking
	orderStart = "start" // start it again
)

// listen reads orders until the container ends. Only who has the state folder
// can give one: not the service.
func (s *supervisor) listen() error {
	if s.config.State == "" {
		return nil
	}
	path := filepath.Join(s.config.State, "control")
	if err := syscall.Mkfifo(path, 0o600); err != nil && err != syscall.EEXIST {
		return err
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // with a writer of its own: there is no end of file
	if err != nil {
		return err
	}
	go func() {
		for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
			s.orders <- scanner.Text()
		}
	}()
	return nil
}

// obey carries out an order to a running service; it returns when to kill it, if it is asked first.
func (s *supervisor) obey(order string, pid int) <-chan time.Time {
	switch order {
	case orderKill:
		s.held = true
		_ = syscall.Kill(pid, syscall.SIGKILL)
	case orderStop:
		s.held = true
		go s.askToStop(pid)
		return time.After(seconds(s.config.StopGrace))
	}
	return nil
}

// hold waits, with the service stopped by an order, for the one to start it
// again; it says whether that came.
func (s *supervisor) hold() bool {
	s.record(func(o *Outcome) { o.Held = true })
	for {
		select {
		case order := <-s.orders:
			if order == orderStart {
				s.held = false
				s.record(func(o *Outcome) {
					o.Held, o.Killed = false, false
					if s.config.Health != nil {
						o.Health = starting
					}
				})
				return true
			}
		case <-s.signals:
			s.record(func(o *Outcome) { o.Stopped, o.Ended = true, true })
			return false
		}
	}
}
