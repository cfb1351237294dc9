package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fileMark changes with every replacement of a file.
type fileMark struct {
	inode   uint64
	changed syscall.Timespec
}

// markOf gives the zero mark for a file that isn't there.
func markOf(path string) fileMark {
	about, err := os.Stat(path)
	if err != nil {
		return fileMark{}
	}
	details := about.Sys().(*syscall.Stat_t)
	return fileMark{details.Ino, details.Ctim}
}

// start runs one shell command in the wanted folder and environment.
func (s *supervisor) start(command string, log *installLog, begun, broken phase) {
	if s.isEnding() {
		return
	}
	folder := filepath.Join(s.places.code, s.wanted.Workdir)
	started, err := startProcess(s.children, command, folder, surroundings(s.wanted), log)
	if err != nil {
		s.stamp = ""
		s.fail(broken, err)
		return
	}
	s.current = started
	s.enter(begun)
}

func (s *supervisor) isEnding() bool {
	select {
	case <-s.hurry:
		return true
	default:
		return false
	}
}

// enter begins a phase of the wanted rollout.
func (s *supervisor) enter(begun phase) {
	s.state = state{
		Rollout: s.wanted.Rollout, SHA: s.wanted.SHA, Phase: begun, StartedAt: now(), Tail: []string{},
		Runs: s.state.Runs, InstallRollout: s.state.InstallRollout,
	}
	s.publish()
}

// fail says what kept a command from being started at all: no shell in the image, no such folder in the commit.
func (s *supervisor) fail(broken phase, err error) {
	s.enter(broken)
	s.state.EndedAt = s.state.StartedAt
	s.state.Tail = []string{"sidecar: the command can't be started in folder " + s.wanted.Workdir + ": " + err.Error()}
	s.publish()
}

func (s *supervisor) publish() {
	complain("the state can't be told", writeJSON(s.places.state(), s.state))
}

// blame: nobody but the kernel kills a command with SIGKILL by itself, so such an end is taken for want of memory.
func (s *state) blame(status syscall.WaitStatus, hasMemoryRunOut bool) {
	s.IsOutOfMemory = hasMemoryRunOut
	if status.Signaled() {
		s.Signal = signalName(status.Signal())
		s.IsOutOfMemory = hasMemoryRunOut || status.Signal() == syscall.SIGKILL
		return
	}
	code := status.ExitStatus()
	s.ExitCode = &code
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGHUP: "HUP", syscall.SIGINT: "INT", syscall.SIGQUIT: "QUIT", syscall.SIGILL: "ILL", syscall.SIGTRAP: "TRAP",
	syscall.SIGABRT: "ABRT", syscall.SIGBUS: "BUS", syscall.SIGFPE: "FPE", syscall.SIGKILL: "KILL", syscall.SIGUSR1: "USR1",
	syscall.SIGSEGV: "SEGV", syscall.SIGUSR2: "USR2", syscall.SIGPIPE: "PIPE", syscall.SIGALRM: "ALRM", syscall.SIGTERM: "TERM",
}

// signalName is as kill(1) spells it.
func signalName(number syscall.Signal) string {
	if name, ok := signalNames[number]; ok {
		return name
	}
	return number.String()
}

// surroundings are our own variables, with the wanted ones in their place: of two with one name readers disagree which counts.
func surroundings(w *wanted) []string {
	own := slices.DeleteFunc(os.Environ(), func(each string) bool {
		name, _, _ := strings.Cut(each, "=")
		_, isReplaced := w.Env[name]
		return isReplaced
	})
	return append(own, environmentOf(w)...)
}

func environmentOf(w *wanted) []string {
	var all []string
	for name, value := range w.Env {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

func isEqual(one, other *wanted) bool { return reflect.DeepEqual(one, other) }

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
