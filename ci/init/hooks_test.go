package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPlaceholdersAreFilledFromTheInitsOwnEnvironment(t *testing.T) {
	t.Setenv("CI_SECRET_0", "pass word")
	config := Config{Placeholders: map[string]string{"placeholder-of-PW": "CI_SECRET_0"}}
	got := config.fill([]string{"--requirepass", "x:placeholder-of-PW@", "plain"})
	if !reflect.DeepEqual(got, []string{"--requirepass", "x:pass word@", "plain"}) {
		t.Errorf("got %q", got)
	}
}

func TestAHookIsNamedByItsModeAndPlace(t *testing.T) {
	config := Config{PreStop: []Hook{{User: "a"}, {User: "b"}}}
	if hook, known := config.hook("pre_stop.1"); !known || hook.User != "b" {
		t.Errorf("got %v, %v", hook, known)
	}
	for _, mode := range []string{"pre_stop.2", "post_start.0", "else"} {
		if _, known := config.hook(mode); known {
			t.Errorf("%s is no hook", mode)
		}
	}
}

func TestWhoWaitsForAServiceWaitsForItsHooks(t *testing.T) {
	for content, late := range map[string]bool{
		`{"starts":1}`:               true,
		`{"starts":1,"hooked":true}`: false,
		`{"ended":true}`:             false,
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "outcome.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var output strings.Builder
		if err := await(folder, "started", "0", &output); err != nil || strings.Contains(output.String(), `"late":true`) != late {
			t.Errorf("%s: %s, %v", content, output.String(), err)
		}
	}
}

func TestAServiceThatCannotBeStartedIsNotStartedAgain(t *testing.T) {
	s := supervisor{config: &Config{Restart: "always"}, outcome: Outcome{Error: "no such program"}}
	if s.again() {
		t.Error("it would fail for ever")
	}
	s.outcome.Starts = 1
	if !s.again() {
		t.Error("one that ran is")
	}
}
