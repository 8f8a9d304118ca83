package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running starts this test binary as the init of a shell command, and returns its state folder.
func running(t *testing.T, script string) (string, *exec.Cmd) {
	t.Helper()
	state := t.TempDir()
	config := write(t, "config.json", `{"enforce":false,"environment":["PATH"],"stop_grace":5,"state":"`+state+`"}`)
	command := exec.Command(os.Args[0], asInit, "run", config, "--", "/bin/sh", "-c", script)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	return state, command
}

func until(t *testing.T, state string, reached func(Outcome) bool) Outcome {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if outcome, err := readOutcome(state); err == nil && reached(outcome) {
			return outcome
		}
	}
	t.Fatal("it was not reached")
	return Outcome{}
}

func order(t *testing.T, state, word string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(state, "control"), []byte(word+"\n"), 0); err != nil {
		t.Fatal(err)
	}
}

func TestOrdersStopKillAndStartAService(t *testing.T) {
	state, _ := running(t, `trap 'echo asked; exit 3' TERM; echo run; while :; do sleep 0.05; done`)
	until(t, state, func(o Outcome) bool { return o.Hooked && logged(state, "run") == 1 })
	order(t, state, orderStop)
	if got := until(t, state, func(o Outcome) bool { return o.Held }); got.ExitCode != 3 || got.Ended {
		t.Errorf("stop: %+v", got)
	}
	order(t, state, orderStart)
	until(t, state, func(o Outcome) bool { return o.Starts == 2 && !o.Held && logged(state, "run") == 2 })
	order(t, state, orderKill)
	if got := until(t, state, func(o Outcome) bool { return o.Held }); got.ExitCode != 137 {
		t.Errorf("kill: %+v", got)
	}
	if logged(state, "asked") != 1 {
		t.Error("who is killed is not asked")
	}
}

func TestTheStopOfTheContainerEndsAServiceThatAnOrderHasStopped(t *testing.T) {
	state, command := running(t, `while :; do sleep 0.05; done`)
	until(t, state, func(o Outcome) bool { return o.Starts == 1 })
	order(t, state, orderKill)
	until(t, state, func(o Outcome) bool { return o.Held })
	_ = command.Process.Signal(syscall.SIGTERM)
	until(t, state, func(o Outcome) bool { return o.Ended && o.Stopped })
}

func logged(state, word string) int {
	data, _ := os.ReadFile(filepath.Join(state, "log"))
	return strings.Count(string(data), word+"\n")
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	state := t.TempDir()
	config := write(t, "config.json", `{"enforce":false,"restart":"always","state":"`+state+`"}`)
	done := exec.Command(os.Args[0], asInit, "run", config, "--", "/no/such/program")
	_ = done.Run()
	outcome, err := readOutcome(state)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(outcome)
	if outcome.Starts != 0 || !outcome.Ended || outcome.ExitCode != exitNotFound || !strings.Contains(outcome.Error, "no such program") {
		t.Errorf("got %s", text)
	}
}
