package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// What the test binary does when it is started as a second stage, or as the init itself.
const (
	exitSeven = "exit-seven"
	asInit    = "as-init"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == exitSeven {
		os.Exit(7)
	}
	// The init starts itself again, by its own words: those come without a name for the tests.
	if len(os.Args) > 2 && (os.Args[1] == asInit || os.Args[0] == "init") {
		if os.Args[1] == asInit {
			os.Args = os.Args[1:]
		}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUserIsLookedUpAsDockerDoes(t *testing.T) {
	passwd := write(t, "passwd", "root:x:0:0::/root:/bin/sh\nredis:x:999:998::/data:/bin/sh\n")
	group := write(t, "group", "root:x:0:\nredis:x:998:\nextra:x:5:redis,other\n")
	cases := map[string]identity{
		"":           {uid: 0, gid: 0, home: "/root", groups: []int{0}},
		"redis":      {uid: 999, gid: 998, home: "/data", groups: []int{998, 5}},
		"999":        {uid: 999, gid: 998, home: "/data", groups: []int{998, 5}},
		"redis:0":    {uid: 999, gid: 0, home: "/data", groups: []int{0}},
		"4444":       {uid: 4444, gid: 0, home: "/", groups: []int{0}},
		"4444:extra": {uid: 4444, gid: 5, home: "/", groups: []int{5}},
	}
	for user, expected := range cases {
		got, err := resolve(user, nil, passwd, group)
		if err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%q: got %+v, %v; want %+v", user, got, err, expected)
		}
	}
	if _, err := resolve("nobody-here", nil, passwd, group); err == nil || !strings.Contains(err.Error(), "nobody-here") {
		t.Errorf("an unknown user is named: %v", err)
	}
	if got, err := resolve("0", []string{"extra", "77"}, passwd, group); err != nil || !reflect.DeepEqual(got.groups, []int{0, 5, 77}) {
		t.Errorf("group_add: got %v, %v", got.groups, err)
	}
}

func TestCapabilities(t *testing.T) {
	mask, err := (&Config{}).allowed()
	if err != nil || mask != 0xa80425fb {
		t.Errorf("Docker's default set: got %#x, %v", mask, err)
	}
	if mask, _ := (&Config{Capabilities: []string{}}).allowed(); mask != 0 {
		t.Errorf("none: got %#x", mask)
	}
	if mask, _ := capabilitySet([]string{"cap_net_admin", "CHOWN"}); mask != 1<<12|1 {
		t.Errorf("any case, with or without CAP_: got %#x", mask)
	}
	if _, err := capabilitySet([]string{"FLY"}); err == nil {
		t.Error("an unknown capability is refused")
	}
}

func TestResourceLimitsForBothVersionsOfControlGroups(t *testing.T) {
	config := &Config{Memory: 1000, Pids: 7, CPUs: 0.5}
	expected := []setting{{"memory.max", "1000"}, {"pids.max", "7"}, {"cpu.max", "50000 100000"}}
	if got := groupSettings(config, true); !reflect.DeepEqual(got, expected) {
		t.Errorf("v2: got %v", got)
	}
	expected = []setting{
		{"memory/memory.limit_in_bytes", "1000"},
		{"pids/pids.max", "7"},
		{"cpu/cpu.cfs_period_us", "100000"},
		{"cpu/cpu.cfs_quota_us", "50000"},
	}
	if got := groupSettings(config, false); !reflect.DeepEqual(got, expected) {
		t.Errorf("v1: got %v", got)
	}
	if got := groupSettings(&Config{}, true); got != nil {
		t.Errorf("no limit, no file: got %v", got)
	}
}

func TestUnknownConfigKeysAreRefused(t *testing.T) {
	path := write(t, "config.json", `{"read_only": true, "colour": "red"}`)
	if _, err := readConfig(path); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("got %v", err)
	}
}

func TestSignals(t *testing.T) {
	for name, expected := range map[string]syscall.Signal{
		"": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "usr1": syscall.SIGUSR1, "9": syscall.SIGKILL,
	} {
		if got, err := parseSignal(name); err != nil || got != expected {
			t.Errorf("%q: got %v, %v", name, got, err)
		}
	}
	if _, err := parseSignal("SIGNOTHING"); err == nil {
		t.Error("an unknown signal is refused")
	}
}

func TestRestartPolicies(t *testing.T) {
	cases := []struct {
		config  Config
		outcome Outcome
		again   bool
	}{
		{Config{}, Outcome{Starts: 1, ExitCode: 1}, false},
		{Config{Restart: "always"}, Outcome{Starts: 9}, true},
		{Config{Restart: "always"}, Outcome{Starts: 1, Stopped: true}, false},
		{Config{Restart: "on-failure"}, Outcome{Starts: 1}, false},
		{Config{Restart: "on-failure"}, Outcome{Starts: 50, ExitCode: 1}, true},
		{Config{Restart: "on-failure", Retries: 2}, Outcome{Starts: 2, ExitCode: 1}, true},
		{Config{Restart: "on-failure", Retries: 2}, Outcome{Starts: 3, ExitCode: 1}, false},
	}
	for _, item := range cases {
		s := supervisor{config: &item.config, outcome: item.outcome}
		if got := s.again(); got != item.again {
			t.Errorf("%+v after %+v: got %v", item.config, item.outcome, got)
		}
	}
}

func TestOnlyTheServicesVariablesArePassedOn(t *testing.T) {
	t.Setenv("WANTED", "a=b")
	t.Setenv("ENGINES_OWN", "x")
	got := serviceEnvironment(&Config{Environment: []string{"WANTED", "NOT_SET"}})
	if !reflect.DeepEqual(got, []string{"WANTED=a=b"}) {
		t.Errorf("got %v", got)
	}
}

func TestExitCodes(t *testing.T) {
	if got := exitCode(syscall.WaitStatus(3 << 8)); got != 3 {
		t.Errorf("exit: got %d", got)
	}
	if got := exitCode(syscall.WaitStatus(int(syscall.SIGKILL))); got != 137 {
		t.Errorf("signal: got %d", got)
	}
}

func TestRouteMessage(t *testing.T) {
	got := route(syscall.RTN_UNREACHABLE, []byte{10, 0, 0, 1})
	if len(got) != syscall.SizeofRtMsg+8 || got[1] != 32 || got[7] != syscall.RTN_UNREACHABLE {
		t.Errorf("got % x", got)
	}
	if got := route(syscall.RTN_UNICAST, nil); len(got) != syscall.SizeofRtMsg || got[1] != 0 {
		t.Errorf("default route: got % x", got)
	}
}

func TestHealthIsPatientBeforeTheFirstGoodProbe(t *testing.T) {
	health := &Health{Interval: 0.001, StartInterval: 0.001, StartPeriod: 0.2, Retries: 2}
	answers := []bool{false, false, false, false, true, false, true, false, false}
	var states []string
	stop := make(chan struct{})
	watch(health, func() (bool, string) {
		if answers = append(answers[:0:0], answers...); len(answers) == 1 {
			close(stop)
		}
		answer := answers[0]
		answers = answers[1:]
		return answer, ""
	}, stop, func(state, _ string) { states = append(states, state) })
	expected := []string{
		starting, starting, starting, starting, healthy, healthy, healthy, healthy, unhealthy,
	}
	if !reflect.DeepEqual(states, expected) {
		t.Errorf("got %v", states)
	}
}

func TestHealthGivesUpWhenItsTimeIsOver(t *testing.T) {
	health := &Health{Interval: 0.01, Retries: 2}
	stop := make(chan struct{})
	last := ""
	watch(health, func() (bool, string) { return false, "refused" }, stop, func(state, output string) {
		if last = state + " " + output; state == unhealthy {
			close(stop)
		}
	})
	if last != "unhealthy refused" {
		t.Errorf("got %q", last)
	}
}

func TestAwait(t *testing.T) {
	folder := t.TempDir()
	var output strings.Builder
	if err := await(folder, "healthy", "0", &output); err != nil || !strings.Contains(output.String(), `"late":true`) {
		t.Errorf("a service that never comes: %q, %v", output.String(), err)
	}
	if err := os.WriteFile(filepath.Join(folder, "outcome.json"), []byte(`{"ended":true,"exit_code":3}`), 0o600); err != nil {
		t.Fatal(err)
	}
	output.Reset()
	if err := await(folder, "healthy", "60", &output); err != nil || !strings.Contains(output.String(), `"exit_code":3`) {
		t.Errorf("a service that ended is not waited for: %q, %v", output.String(), err)
	}
	if err := await(folder, "happy", "1", &output); err == nil {
		t.Error("an unknown condition is refused")
	}
}

func TestReaperTellsItsChildrenFromOrphans(t *testing.T) {
	r := newReaper()
	_, ended, err := r.start([]string{"init", exitSeven}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != 7 {
		t.Errorf("got exit code %d", code)
	}
}

func TestAliasesFollowTheirServices(t *testing.T) {
	h := hosts{aliases: map[string]string{"alias": "db", "other": "db", "later": "web"}}
	got := h.lines(func(name string) ([]string, error) {
		if name == "db" {
			return []string{"10.0.0.2", "10.0.0.3"}, nil
		}
		return nil, os.ErrNotExist
	})
	if got != "10.0.0.2\talias\n10.0.0.2\tother\n" {
		t.Errorf("got %q", got)
	}
}
