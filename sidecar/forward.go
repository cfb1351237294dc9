package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// mostConnections at once through one forwarder: a preview's visitors, not a flood.
	mostConnections = 1024
	dialTimeout     = 5 * time.Second
)

// forwarder hands TCP connections on, byte for byte: WebSockets, streams and half-closed connections pass.
type forwarder struct {
	// reach gives addresses to try; `isFresh` asks for new ones, because none of the last ones answered.
	reach func(isFresh bool) []string
	slots chan struct{}
}

func newForwarder(reach func(isFresh bool) []string) *forwarder {
	return &forwarder{reach: reach, slots: make(chan struct{}, mostConnections)}
}

// accept goes on until the listener is closed. Past the bound connections are closed at once rather than left hanging.
func (f *forwarder) accept(listener net.Listener) {
	for {
		visitor, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors: they come back as connections end.
			time.Sleep(lookOften)
			continue
		}
		select {
		case f.slots <- struct{}{}:
			go f.serve(visitor.(*net.TCPConn))
		default:
			visitor.Close()
		}
	}
}

func (f *forwarder) serve(visitor *net.TCPConn) {
	defer func() { <-f.slots }()
	defer visitor.Close()
	server := f.dial()
	if server == nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { pass(visitor, server) })
	both.Go(func() { pass(server, visitor) })
	both.Wait()
}

// dial returns nil when nothing answers: the visitor is told by the end of the connection.
func (f *forwarder) dial() *net.TCPConn {
	for _, isFresh := range []bool{false, true} {
		for _, target := range f.reach(isFresh) {
			if server, err := net.DialTimeout("tcp", target, dialTimeout); err == nil {
				return server.(*net.TCPConn)
			}
		}
	}
	return nil
}

// pass hands the end of the stream on alone: the other direction may still have much to say.
func pass(from, to *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		// One side broke off; without this the other would wait for it.
		from.Close()
		to.Close()
		return
	}
	to.CloseWrite()
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: %w; end what holds it, or name another port by environment variable", address, err)
	}
	return listener, nil
}
