package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// echoLimit bounds what goes to the engine's own log; all of it is in the file.
const echoLimit = 1 << 20

const restartPause = 100 * time.Millisecond // doubled at each restart, as Docker does

// Outcome is what is known of a service, while it runs and after its end.
type Outcome struct {
	Starts   int    `json:"starts"`
	ExitCode int    `json:"exit_code"`
	Stopped  bool   `json:"stopped"` // somebody asked it to stop
	Killed   bool   `json:"killed"`  // it did not stop in its time
	Ended    bool   `json:"ended"`   // it will not be started again
	Held     bool   `json:"held"`    // an order stopped it, and none has started it again
	Hooked   bool   `json:"hooked"`  // its post_start hooks are done, if it has any
	Health   string `json:"health"`  // "", starting, healthy or unhealthy
	Probe    string `json:"probe"`   // the last probe's output
	Late     bool   `json:"late"`    // set by await: the condition was not reached in its time
	Error    string `json:"error"`
}

var signalNames = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "TERM": syscall.SIGTERM, "WINCH": syscall.SIGWINCH,
	"CONT": syscall.SIGCONT, "STOP": syscall.SIGSTOP, "PIPE": syscall.SIGPIPE, "ALRM": syscall.SIGALRM,
}

func parseSignal(name string) (syscall.Signal, error) {
	if name == "" {
		return syscall.SIGTERM, nil
	}
	if isNumber(name) {
		return syscall.Signal(number(name)), nil
	}
	if value, known := signalNames[strings.TrimPrefix(strings.ToUpper(name), "SIG")]; known {
		return value, nil
	}
	return 0, fmt.Errorf("there is no signal %q", name)
}

// supervisor runs the service, again if its policy says so.
type supervisor struct {
	config  *Config
	command []string
	signals chan os.Signal
	stop    syscall.Signal
	reaper  *reaper
	null    *os.File
	orders  chan string
	held    bool // an order stopped it
	hosts   *hosts
	log     *os.File
	echoed  int
	lock    sync.Mutex // of the outcome and the log
	outcome Outcome
}

func run(c *Config, command []string) int {
	s := &supervisor{config: c, command: c.fill(command), orders: make(chan string), signals: make(chan os.Signal, 16), reaper: newReaper()}
	signal.Notify(s.signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	if c.Health != nil {
		c.Health.Test = c.fill(c.Health.Test)
	}
	if err := s.prepare(); err != nil {
		fmt.Fprintf(os.Stderr, "init: %v\n", err)
		s.record(func(o *Outcome) { o.ExitCode, o.Error, o.Ended = exitSetup, err.Error(), true })
		return exitSetup
	}
	done := make(chan struct{})
	defer close(done)
	if len(c.Unreachable) > 0 && c.Enforce {
		isolate(c.Unreachable, done)
	}
	if s.hosts != nil {
		s.hosts.follow(done)
	}
	for pause := restartPause; ; pause *= 2 {
		code, err := s.once()
		if err != nil {
			fmt.Fprintf(os.Stderr, "init: %v\n", err)
			s.record(func(o *Outcome) { o.Error = err.Error() })
		}
		s.record(func(o *Outcome) { o.ExitCode = code; o.Ended = !s.held && !s.again() })
		if s.held {
			if !s.hold() {
				return code
			}
			continue
		}
		if s.outcome.Ended {
			return code
		}
		select {
		case <-time.After(pause):
		case <-s.signals:
			s.record(func(o *Outcome) { o.Stopped, o.Ended = true, true })
			return code
		}
	}
}

func (s *supervisor) prepare() (err error) {
	if s.stop, err = parseSignal(s.config.StopSignal); err != nil {
		return err
	}
	if s.null, err = os.Open("/dev/null"); err != nil {
		return err
	}
	if s.config.State != "" {
		if err := os.MkdirAll(s.config.State, 0o700); err != nil {
			return err
		}
		flags := os.O_APPEND | os.O_CREATE | os.O_WRONLY
		if s.log, err = os.OpenFile(filepath.Join(s.config.State, "log"), flags, 0o600); err != nil {
			return err
		}
	}
	if err := s.listen(); err != nil {
		return err
	}
	s.hosts, err = setUp(s.config)
	return err
}

// again says whether the policy wants one more start.
func (s *supervisor) again() bool {
	switch {
	case s.outcome.Stopped || s.outcome.Error != "" && s.outcome.Starts == 0:
		return false // or it cannot be started at all
	case s.config.Restart == "always":
		return true
	case s.config.Restart == "on-failure":
		retried := s.outcome.Starts - 1
		return s.outcome.ExitCode != 0 && (s.config.Retries == 0 || retried < s.config.Retries)
	default:
		return false
	}
}

// once starts the service, waits for its end and returns its exit code.
func (s *supervisor) once() (int, error) {
	stdout, copied, err := s.pipe(os.Stdout)
	if err != nil {
		return exitSetup, err
	}
	stderr, copiedToo, err := s.pipe(os.Stderr)
	if err != nil {
		return exitSetup, err
	}
	attributes := &syscall.SysProcAttr{}
	if s.config.Enforce {
		attributes.Cloneflags = syscall.CLONE_NEWNS
		if !s.config.Init {
			attributes.Cloneflags |= syscall.CLONE_NEWPID
		}
	}
	told, tell, err := os.Pipe()
	if err != nil {
		return exitSetup, err
	}
	words := append([]string{"init", "service", s.config.Path, "--"}, s.command...)
	pid, ended, err := s.reaper.start(words, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{s.null, stdout, stderr, tell}, Sys: attributes,
	})
	for _, file := range []*os.File{stdout, stderr, tell} {
		file.Close()
	}
	if err != nil {
		return exitSetup, err
	}
	reason, _ := io.ReadAll(told)
	told.Close()
	if len(reason) > 0 {
		code := <-ended
		waitFor(copied, copiedToo)
		return code, errors.New(string(reason))
	}
	s.record(func(o *Outcome) { o.Starts++ })
	if s.outcome.Starts == 1 {
		go s.afterStart()
	}
	stop := s.watchHealth()
	code := s.wait(pid, ended)
	close(stop)
	if s.config.Enforce && s.config.Init {
		_ = syscall.Kill(-1, syscall.SIGKILL) // what it left behind; under Docker it dies with its namespace
	}
	waitFor(copied, copiedToo)
	return code, nil
}

// watchHealth probes the service until the returned channel is closed.
func (s *supervisor) watchHealth() chan struct{} {
	stop := make(chan struct{})
	if s.config.Health != nil {
		s.record(func(o *Outcome) { o.Health = starting })
		go watch(s.config.Health, s.runProbe, stop, func(state, output string) {
			select {
			case <-stop: // the service this was asked of is gone
			default:
				s.record(func(o *Outcome) { o.Health, o.Probe = state, output })
			}
		})
	}
	return stop
}

// wait passes signals on until the service ends.
func (s *supervisor) wait(pid int, ended <-chan int) int {
	var late <-chan time.Time
	for {
		select {
		case code := <-ended:
			return code
		case <-late:
			s.record(func(o *Outcome) { o.Killed = true })
			_ = syscall.Kill(pid, syscall.SIGKILL)
		case order := <-s.orders:
			if limit := s.obey(order, pid); limit != nil {
				late = limit
			}
		case received := <-s.signals:
			if received == syscall.SIGTERM {
				s.record(func(o *Outcome) { o.Stopped = true })
				late = time.After(seconds(s.config.StopGrace))
				go s.askToStop(pid)
			} else {
				_ = syscall.Kill(pid, received.(syscall.Signal))
			}
		}
	}
}

// askToStop runs what comes before the stop, then sends the signal.
func (s *supervisor) askToStop(pid int) {
	if err := s.runHooks(preStop, s.config.PreStop, seconds(s.config.StopGrace)); err != nil {
		fmt.Fprintf(os.Stderr, "init: %v\n", err)
	}
	_ = syscall.Kill(pid, s.stop)
}

// pipe returns the end to write to; what comes goes to the engine and the log.
func (s *supervisor) pipe(echo *os.File) (*os.File, <-chan struct{}, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer reader.Close()
		buffer := make([]byte, 32<<10)
		for {
			count, err := reader.Read(buffer)
			s.write(echo, buffer[:count])
			if err != nil {
				return
			}
		}
	}()
	return writer, done, nil
}

func (s *supervisor) write(echo io.Writer, data []byte) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.log != nil {
		_, _ = s.log.Write(data)
	}
	if s.echoed <= echoLimit || s.log == nil {
		_, _ = echo.Write(data)
		if s.echoed += len(data); s.echoed > echoLimit && s.log != nil {
			fmt.Fprintln(echo, "\ninit: the rest of this service's output is in its log only")
		}
	}
}

func waitFor(channels ...<-chan struct{}) {
	limit := time.After(time.Second) // a process that left the namespace may hold the pipe
	for _, channel := range channels {
		select {
		case <-channel:
		case <-limit:
			return
		}
	}
}

// record notes a change and writes the outcome; a rename keeps readers from half of it.
func (s *supervisor) record(change func(*Outcome)) {
	s.lock.Lock()
	defer s.lock.Unlock()
	change(&s.outcome)
	if s.config.State == "" {
		return
	}
	data, err := json.Marshal(s.outcome)
	if err == nil {
		path := filepath.Join(s.config.State, "outcome.json")
		if err = os.WriteFile(path+".new", data, 0o600); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "init: outcome: %v\n", err)
	}
}
