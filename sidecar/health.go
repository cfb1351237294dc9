package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// answerHealth serves the kubelet's probes.
func answerHealth(listener net.Listener, p places, found *discovery) {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /started", func(answer http.ResponseWriter, _ *http.Request) { say(answer, notStarted(p)) })
	routes.HandleFunc("GET /ready", func(answer http.ResponseWriter, _ *http.Request) { say(answer, notReady(p, found)) })
	server := &http.Server{Handler: routes, ReadTimeout: dialTimeout, WriteTimeout: dialTimeout, IdleTimeout: time.Minute}
	complain("health", server.Serve(listener))
}

func say(answer http.ResponseWriter, missing string) {
	if missing == "" {
		fmt.Fprintln(answer, "yes")
		return
	}
	answer.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintln(answer, missing)
}

// notStarted is empty once the other container can be started.
func notStarted(p places) string {
	if _, err := os.Stat(p.binary()); err != nil {
		return fmt.Sprintf("The program isn't in %s yet.", p.binary())
	}
	return ""
}

// notReady is empty when the wanted rollout's command takes connections, or none is wanted.
func notReady(p places, found *discovery) string {
	desired, err := readWanted(p)
	if err != nil || desired == nil {
		return "No source was delivered into this pod yet."
	}
	if desired.Command == nil {
		return ""
	}
	said := readState(p)
	switch {
	case said.Rollout != desired.Rollout:
		return fmt.Sprintf("The supervisor hasn't begun with rollout %d yet.", desired.Rollout)
	case said.Phase != running:
		return fmt.Sprintf("The command of rollout %d isn't running: it is %s.", desired.Rollout, said.Phase)
	case found.look().Port == nil:
		return "The command runs, but listens on no port yet."
	}
	return ""
}
