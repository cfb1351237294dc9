package main

import (
	"bytes"
	"encoding/json"
	"os"
	"time"
)

const (
	watchTick = 100 * time.Millisecond
	// beatEvery is when a line is written in any case: only writing shows that nobody reads any more.
	beatEvery = 5 * time.Second
)

// printState answers once.
func printState(p places, _ []string) error {
	return json.NewEncoder(os.Stdout).Encode(stateOf(p, newDiscovery(p)))
}

// watch goes on until standard output can't be written.
func watch(p places, _ []string) error {
	lines := json.NewEncoder(os.Stdout)
	found, log := newDiscovery(p), &follower{path: p.installLog()}
	var last []byte
	for beaten := time.Now(); ; time.Sleep(watchTick) {
		// The state before the output, so that none of the output comes after the state that it led to.
		now := stateOf(p, found)
		if err := log.tell(lines, isOfThisRollout(p, now.state)); err != nil {
			return err
		}
		line, err := json.Marshal(map[string]any{"state": now})
		if err != nil {
			return err
		}
		if !bytes.Equal(line, last) {
			if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
				return err
			}
			last = line
		}
		if time.Since(beaten) > beatEvery {
			if err := lines.Encode(map[string]bool{"beat": true}); err != nil {
				return err
			}
			beaten = time.Now()
		}
	}
}

// stateOf looks where the command listens now: what ports.json says may be of the command before.
func stateOf(p places, found *discovery) fullState {
	full := fullState{state: readState(p), listening: found.look()}
	if root, err := os.OpenRoot(p.code); err == nil {
		defer root.Close()
		before, _ := readDelivered(confined{root})
		full.DeliveredSHA, full.DeliveredRollout = before.SHA, before.Rollout
	}
	return full
}

// isOfThisRollout keeps the output of an earlier rollout's installation from being taken for this one's.
func isOfThisRollout(p places, said state) bool {
	desired, err := readWanted(p)
	return err == nil && desired != nil && said.InstallRollout == desired.Rollout
}
