package main

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// drainTime bounds the wait for the end of the output: somebody who left the group may hold it open for ever.
	drainTime = 200 * time.Millisecond
	// killTime bounds the wait for killed processes: one that hangs in the kernel can't be waited out.
	killTime = 5 * time.Second
	// groupTick is how often a group is looked at that was asked to end.
	groupTick = 10 * time.Millisecond
)

// process is one run of a shell command, in a session and process group of its own.
type process struct {
	pid     int
	end     <-chan syscall.WaitStatus
	output  *tail
	drained chan struct{}
	// kills is how many processes had been killed for want of memory when it began.
	kills int
}

// startProcess runs `sh -c command`. What it says goes to our own output, to the tail, and to log if there is one.
func startProcess(c *children, command, folder string, environment []string, log *installLog) (*process, error) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		return nil, err
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer writing.Close()
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer nothing.Close()
	started := &process{output: &tail{}, drained: make(chan struct{}), kills: outOfMemoryKills()}
	attributes := &syscall.ProcAttr{
		Dir: folder, Env: environment, Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{nothing.Fd(), writing.Fd(), writing.Fd()},
	}
	started.pid, started.end, err = c.start(shell, []string{"sh", "-c", command}, attributes)
	if err != nil {
		reading.Close()
		return nil, err
	}
	go started.drain(reading, log)
	return started, nil
}

func (p *process) drain(reading *os.File, log *installLog) {
	defer close(p.drained)
	defer reading.Close()
	if log != nil {
		defer log.file.Close()
	}
	buffer := make([]byte, 32<<10)
	for {
		count, err := reading.Read(buffer)
		p.say(buffer[:count], log)
		if err != nil {
			return
		}
	}
}

// say goes on when one of the three can't be written: the command must not be held up by a full disk.
func (p *process) say(content []byte, log *installLog) {
	os.Stdout.Write(content)
	p.output.Write(content)
	if log != nil {
		log.Write(content)
	}
}

// stop asks the whole group to end, and kills it after `patience`, or at once when somebody is in a hurry.
func (p *process) stop(patience time.Duration, hurry <-chan struct{}) {
	p.signal(syscall.SIGTERM)
	if !p.isGoneWithin(patience, hurry) {
		p.kill()
	}
}

// kill ends what is left of the group, and waits for the rest of its output.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	p.isGoneWithin(killTime, nil)
	select {
	case <-p.drained:
	case <-time.After(drainTime):
	}
}

func (p *process) isGoneWithin(limit time.Duration, hurry <-chan struct{}) bool {
	over := time.After(limit)
	look := time.NewTicker(groupTick)
	defer look.Stop()
	for p.signal(0) {
		select {
		case <-look.C:
		case <-hurry:
			return false
		case <-over:
			return false
		}
	}
	return true
}

// signal reaches every process of the group; false when there is none any more.
func (p *process) signal(number syscall.Signal) bool {
	return syscall.Kill(-p.pid, number) != syscall.ESRCH
}
