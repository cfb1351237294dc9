package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const (
	wantedTick = 50 * time.Millisecond
	// stopPatience is from SIGTERM to SIGKILL when a command is replaced.
	stopPatience = 5 * time.Second
	// endPatience is the same when the container ends: Kubernetes waits for it with every push that replaces the pod.
	endPatience = 2 * time.Second
)

// supervisor brings the container to what wanted.json says. It runs nothing again by itself: a failed command waits
// for the next delivery, which may mend it, with its last words at hand.
type supervisor struct {
	places   places
	children *children
	// hurry is closed when the container is to end.
	hurry  chan struct{}
	seen   fileMark
	wanted *wanted
	state  state
	// current is the installation or command that runs, if one does.
	current *process
	// ran is what the running command serves.
	ran *wanted
	// stamp is what to keep when the running installation succeeds; empty when what runs is none.
	stamp string
}

// supervise never returns before it is told to end.
func supervise(p places, _ []string) error {
	s := &supervisor{places: p, children: newChildren(), hurry: make(chan struct{})}
	s.state = state{Phase: waiting, Tail: []string{}}
	go s.children.reap()
	go s.awaitEnd()
	s.publish()
	s.follow()
	return nil
}

// awaitEnd also takes SIGPIPE, so that a broken standard output doesn't end us; ignored, it would be so for the command too.
func (s *supervisor) awaitEnd() {
	ended, broken := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
	close(s.hurry)
}

func (s *supervisor) follow() {
	look := time.NewTicker(wantedTick)
	for {
		var end <-chan syscall.WaitStatus
		if s.current != nil {
			end = s.current.end
		}
		select {
		case <-s.hurry:
			s.stop(endPatience, nil)
			return
		case status := <-end:
			s.conclude(status)
		case <-look.C:
			s.look()
		}
	}
}

// look takes a newer wanted.json; one that can't be read is left for the next delivery to replace.
func (s *supervisor) look() {
	mark := markOf(s.places.wanted())
	if mark == s.seen {
		return
	}
	s.seen = mark
	newer, err := readWanted(s.places)
	complain("wanted.json is left alone", err)
	if err == nil && newer != nil {
		s.take(newer)
	}
}

// take leaves an installation alone that was asked for twice; any other delivery interrupts it.
func (s *supervisor) take(newer *wanted) {
	if s.isInstalling() && isEqual(s.wanted, newer) {
		return
	}
	s.wanted = newer
	if s.isInstalling() {
		s.stop(stopPatience, s.hurry)
	}
	if isDue, stamp := isInstallDue(s.places, newer); isDue {
		s.stop(stopPatience, s.hurry)
		s.install(stamp)
		return
	}
	s.command()
}

// command starts, restarts, keeps or stops the command, as the newest delivery wants it.
func (s *supervisor) command() {
	switch {
	case s.wanted.Command == nil:
		s.stop(stopPatience, s.hurry)
		s.enter(idle)
	case s.current == nil || mustRestart(s.ran, s.wanted):
		s.stop(stopPatience, s.hurry)
		s.run()
	default:
		s.ran = s.wanted
		s.state.Rollout, s.state.SHA = s.wanted.Rollout, s.wanted.SHA
		s.publish()
	}
}

func (s *supervisor) install(stamp string) {
	forgetInstall(s.places)
	log, err := newInstallLog(s.places)
	if err != nil {
		s.fail(installFailed, err)
		return
	}
	s.state.InstallRollout = s.wanted.Rollout
	s.stamp = stamp
	s.start(*s.wanted.Install, log, installing, installFailed)
}

func (s *supervisor) run() {
	s.ran = s.wanted
	s.state.Runs++
	s.start(*s.wanted.Command, nil, running, failed)
}

// conclude says how what ran has ended. What is left of its group goes too: it would hold the port.
func (s *supervisor) conclude(status syscall.WaitStatus) {
	ended, stamp := s.current, s.stamp
	s.current, s.stamp = nil, ""
	ended.kill()
	if stamp != "" && status.Exited() && status.ExitStatus() == 0 {
		complain("dependencies will be installed again", keepStamp(s.places, stamp))
		s.command()
		return
	}
	s.state.Phase = failed
	if stamp != "" {
		s.state.Phase = installFailed
	}
	s.state.blame(status, outOfMemoryKills() > ended.kills)
	s.state.EndedAt, s.state.Tail = now(), ended.output.last()
	s.publish()
}

func (s *supervisor) stop(patience time.Duration, hurry <-chan struct{}) {
	if s.current != nil {
		s.current.stop(patience, hurry)
		s.current, s.stamp = nil, ""
	}
}

func (s *supervisor) isInstalling() bool { return s.current != nil && s.stamp != "" }

// mustRestart tells whether a running command would miss what is new. The same commit in another rollout was asked for again.
func mustRestart(ran, newer *wanted) bool {
	isAskedAgain := ran.SHA == newer.SHA && ran.Rollout != newer.Rollout
	return *ran.Command != *newer.Command || ran.Workdir != newer.Workdir || isAskedAgain ||
		!slices.Equal(environmentOf(ran), environmentOf(newer)) || ran.SHA != newer.SHA && !newer.IsWatching
}
