package main

import "encoding/json"

// wanted is what the newest delivery asks for: a commit, and what to run of it.
type wanted struct {
	Rollout       int64             `json:"rollout"`
	SHA           string            `json:"sha"`
	Branch        string            `json:"branch"`
	Command       *string           `json:"command"`
	Install       *string           `json:"install"`
	InstallInputs []string          `json:"install_inputs"`
	Workdir       string            `json:"workdir"`
	Env           map[string]string `json:"env"`
	Port          *int              `json:"port"`
	IsPortFixed   bool              `json:"is_port_fixed"`
	IsWatching    bool              `json:"is_watching"`
}

// header is the line before the pack.
type header struct {
	wanted
	PackBytes int64 `json:"pack_bytes"`
}

// phase is how the command fares.
type phase string

const (
	waiting       phase = "Waiting"
	installing    phase = "Installing"
	installFailed phase = "InstallFailed"
	running       phase = "Running"
	failed        phase = "Failed"
	idle          phase = "Idle"
)

// state is the supervisor's word, and what the worker sees of the pod.
type state struct {
	Rollout       int64    `json:"rollout"`
	SHA           string   `json:"sha"`
	Phase         phase    `json:"phase"`
	ExitCode      *int     `json:"exit_code"`
	Signal        string   `json:"signal"`
	IsOutOfMemory bool     `json:"is_out_of_memory"`
	Runs          int      `json:"runs"`
	StartedAt     string   `json:"started_at"`
	EndedAt       string   `json:"ended_at"`
	Tail          []string `json:"tail"`
	// InstallRollout is the rollout that dependencies were last installed for; whose output install.log is.
	InstallRollout int64 `json:"install_rollout"`
}

// listening is where the command takes connections.
type listening struct {
	Port  *int  `json:"port"`
	Ports []int `json:"ports"`
}

// delivered is kept on the code volume; it decides what is stale and what is new.
type delivered struct {
	// Newest rollout that was accepted; older ones are refused even when this one never was checked out.
	Newest  int64  `json:"newest"`
	Rollout int64  `json:"rollout"`
	SHA     string `json:"sha"`
}

// fullState is one line of `sidecar state` and `sidecar watch`.
type fullState struct {
	state
	listening
	DeliveredSHA     string `json:"delivered_sha"`
	DeliveredRollout int64  `json:"delivered_rollout"`
}

// kept says what gave way to a delivery, and where it is.
type kept struct {
	Ref    string   `json:"ref"`
	Commit string   `json:"commit"`
	Files  []string `json:"files"`
	Count  int      `json:"count"`
}

// readWanted returns nil when nothing was delivered yet.
func readWanted(p places) (*wanted, error) {
	content, err := readSmall(p.wanted())
	if content == nil || err != nil {
		return nil, err
	}
	var found wanted
	return &found, json.Unmarshal(content, &found)
}

// readState returns what the supervisor said last: Waiting while it hasn't said anything that can be understood.
func readState(p places) state {
	said := state{Phase: waiting, Tail: []string{}}
	if content, err := readSmall(p.state()); err == nil && content != nil {
		if json.Unmarshal(content, &said) != nil {
			return state{Phase: waiting, Tail: []string{}}
		}
	}
	return said
}
