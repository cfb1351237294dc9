package main

import (
	"os"
	"path/filepath"
)

// lasting is where the sidecar's own files outlive the pod, below the code volume.
const lasting = ".git/catalyst"

// places are the two volumes: code outlives the pod, shared is seen by both containers and ends with it.
type places struct{ code, shared string }

func fromEnvironment() places {
	return places{code: variable("CATALYST_CODE", "/code"), shared: variable("CATALYST_SHARED", "/catalyst")}
}

func (p places) binary() string     { return filepath.Join(p.shared, "bin", "sidecar") }
func (p places) wanted() string     { return filepath.Join(p.code, wantedFile) }
func (p places) state() string      { return filepath.Join(p.shared, "state.json") }
func (p places) ports() string      { return filepath.Join(p.shared, "ports.json") }
func (p places) origin() string     { return filepath.Join(p.shared, originFolder) }
func (p places) push() string       { return filepath.Join(p.shared, "push.json") }
func (p places) pushed() string     { return filepath.Join(p.shared, "pushed.json") }
func (p places) installLog() string { return filepath.Join(p.shared, "install.log") }

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
