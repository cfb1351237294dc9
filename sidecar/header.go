package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

const (
	headerBytes = 256 << 10
	// silence ends a delivery whose sender is gone: a broken connection need not close standard input.
	silence = time.Minute
)

// refusalKind is what the sender branches on.
type refusalKind string

const (
	// stale: a newer rollout was accepted already.
	stale refusalKind = "stale"
	// missing: everything has to be sent.
	missing refusalKind = "missing"
	// invalid: the header isn't understood.
	invalid refusalKind = "invalid"
	// broken: it can't be done here; the message says why.
	broken refusalKind = "failed"
)

type refusal struct {
	kind    refusalKind
	message string
}

func (r refusal) Error() string { return r.message }

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readHeader leaves the reader at the first byte of the pack; how long that is, it also says of a header it refuses.
func readHeader(reader *bufio.Reader) (header, error) {
	var read header
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return read, refusal{invalid, fmt.Sprintf("The first line can't be read (at most %d bytes): %v.", headerBytes, err)}
	}
	if err := json.Unmarshal(line, &read); err != nil {
		return read, refusal{invalid, fmt.Sprintf("The first line is no delivery: %v.", err)}
	}
	if err := read.check(); err != nil {
		return read, refusal{invalid, fmt.Sprintf("The delivery is refused: %v.", err)}
	}
	return read, nil
}

func (h *header) check() error {
	if h.Workdir == "" {
		h.Workdir = "."
	}
	switch {
	case !objectName.MatchString(h.SHA):
		return errors.New("sha must be 40 hexadecimal digits")
	case h.Rollout < 1 || h.PackBytes < 0:
		return errors.New("rollout and pack_bytes can't be that small")
	case !filepath.IsLocal(h.Workdir):
		return errors.New("workdir must lie in the repository")
	case h.Port != nil && (*h.Port < 1 || *h.Port > 65535):
		return errors.New("port must be within 1 and 65535")
	}
	return errors.Join(h.checkInputs(), h.checkVariables())
}

func (h *header) checkInputs() error {
	for _, input := range h.InstallInputs {
		if !filepath.IsLocal(input) {
			return fmt.Errorf("install input %q must lie in the repository", input)
		}
	}
	return nil
}

func (h *header) checkVariables() error {
	for name := range h.Env {
		if !variableName.MatchString(name) {
			return fmt.Errorf("%q is no name of an environment variable", name)
		}
	}
	return nil
}

// attended reads standard input, and ends the process when nothing comes for too long.
type attended struct {
	source io.Reader
	alarm  *time.Timer
}

func newAttended(source io.Reader) *attended {
	return &attended{source, time.AfterFunc(silence, func() {
		fmt.Fprintf(os.Stderr, "sidecar: nothing came for %s; the delivery is given up\n", silence)
		os.Exit(1)
	})}
}

func (a *attended) Read(buffer []byte) (int, error) {
	a.alarm.Reset(silence)
	return a.source.Read(buffer)
}
