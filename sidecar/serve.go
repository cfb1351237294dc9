package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// ingress is how programs in the pod reach the platform's own URLs.
type ingress struct {
	address string
	port    int
}

func gatePort() int   { return port("CATALYST_GATE_PORT", 10080) }
func healthPort() int { return port("CATALYST_HEALTH_PORT", 10081) }

// serve puts the program where the other container finds it, and opens gate, health and ingress.
func serve(p places, _ []string) error {
	syscall.Umask(0)
	if err := copyProgram("/proc/self/exe", p.binary()); err != nil {
		return fmt.Errorf("the program can't be put into %s: %w", p.binary(), err)
	}
	// Without it everything but `git push` goes on.
	complain("git push can't be offered", layOrigin(p))
	found := newDiscovery(p)
	if err := openPorts(p, found); err != nil {
		return err
	}
	go found.follow()
	go newChildren().reap()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
	return nil
}

func openPorts(p places, found *discovery) error {
	gate, err := listen(fmt.Sprintf("0.0.0.0:%d", gatePort()))
	if err != nil {
		return err
	}
	health, err := listen(fmt.Sprintf("0.0.0.0:%d", healthPort()))
	if err != nil {
		return err
	}
	go newForwarder(found.reach).accept(gate)
	go answerHealth(health, p, found)
	return openIngress()
}

// openIngress: curl and browsers in the pod take *.localhost for loopback, whatever the cluster's DNS says of it.
func openIngress() error {
	at := ingressFromEnvironment()
	if at == nil {
		return nil
	}
	listener, err := listen(fmt.Sprintf("127.0.0.1:%d", at.port))
	if err != nil {
		return err
	}
	target := []string{net.JoinHostPort(at.address, strconv.Itoa(at.port))}
	go newForwarder(func(bool) []string { return target }).accept(listener)
	return nil
}

// ingressFromEnvironment returns nil where the platform names none.
func ingressFromEnvironment() *ingress {
	address := os.Getenv("CATALYST_INGRESS_ADDRESS")
	number := port("CATALYST_INGRESS_PORT", 0)
	if address == "" || number == 0 {
		return nil
	}
	return &ingress{address, number}
}

func port(name string, otherwise int) int {
	number, err := strconv.ParseUint(os.Getenv(name), 10, 16)
	if err != nil || number == 0 {
		return otherwise
	}
	return int(number)
}

func complain(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "sidecar: %s: %v\n", what, err)
	}
}
