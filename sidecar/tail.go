package main

import (
	"bytes"
	"strings"
	"sync"
)

const (
	tailLines     = 40
	tailLineBytes = 500
)

// tail keeps the last lines of an output.
type tail struct {
	mutex sync.Mutex
	lines []string
	// line is the one that isn't complete yet; what goes beyond its bound is dropped.
	line []byte
}

func (t *tail) Write(content []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for rest := content; len(rest) > 0; {
		part, after, isWhole := bytes.Cut(rest, []byte("\n"))
		t.line = append(t.line, part[:min(len(part), tailLineBytes-len(t.line))]...)
		if isWhole {
			t.lines = append(t.lines, readable(t.line))
			t.lines = t.lines[max(0, len(t.lines)-tailLines):]
			t.line = t.line[:0]
		}
		rest = after
	}
	return len(content), nil
}

// last gives them with what has no line end yet.
func (t *tail) last() []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	lines := append([]string{}, t.lines...)
	if len(t.line) > 0 {
		lines = append(lines, readable(t.line))
	}
	return lines[max(0, len(lines)-tailLines):]
}

// readable is valid UTF-8 of at most tailLineBytes, whatever was written.
func readable(line []byte) string {
	return strings.TrimRight(strings.ToValidUTF8(string(line), "?"), "\r")
}
