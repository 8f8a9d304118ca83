package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	lookEvery = 20 * time.Millisecond
	settling  = time.Second // who runs for this long has not ended at once
)

// await waits until the service whose state folder this is has reached the
// condition (started, settled, healthy or completed), can no longer reach it,
// or the time is over; then it prints what is known, as JSON.
func await(state, condition, limit string, output io.Writer) error {
	patience, err := strconv.ParseFloat(limit, 64)
	if err != nil {
		return fmt.Errorf("%q is no number of seconds", limit)
	}
	var up time.Time
	decided, known := map[string]func(Outcome) bool{
		"started": func(o Outcome) bool { return o.Hooked || o.Ended },
		"settled": func(o Outcome) bool {
			if up.IsZero() && o.Hooked {
				up = time.Now()
			}
			return o.Hooked && time.Since(up) >= settling || o.Ended
		},
		"healthy": func(o Outcome) bool {
			return o.Hooked && (o.Health == healthy || o.Error != "") || o.Health == unhealthy || o.Ended
		},
		"completed": func(o Outcome) bool { return o.Ended },
	}[condition]
	if !known {
		return fmt.Errorf("there is no condition %q", condition)
	}
	deadline := time.Now().Add(seconds(patience))
	for {
		outcome, err := readOutcome(state)
		if err != nil {
			return err
		}
		outcome.Late = time.Now().After(deadline) && !decided(outcome)
		if outcome.Late || decided(outcome) {
			return json.NewEncoder(output).Encode(outcome)
		}
		time.Sleep(lookEvery)
	}
}

func readOutcome(state string) (Outcome, error) {
	var outcome Outcome
	data, err := os.ReadFile(filepath.Join(state, "outcome.json"))
	if os.IsNotExist(err) {
		return outcome, nil // its container is not there yet
	}
	if err != nil {
		return outcome, err
	}
	return outcome, json.Unmarshal(data, &outcome)
}
