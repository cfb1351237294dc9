package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// prSetChildSubreaper is PR_SET_CHILD_SUBREAPER (prctl(2)): orphans come to us even where we aren't PID 1.
const prSetChildSubreaper = 36

// children reaps everything that ends below this process, as PID 1 must: the user's command leaves orphans.
type children struct {
	// mutex keeps a child that ends at once from being reaped before anybody waits for it.
	mutex   sync.Mutex
	waiting map[int]chan syscall.WaitStatus
}

func newChildren() *children {
	return &children{waiting: map[int]chan syscall.WaitStatus{}}
}

// start gives the new process' number, and a channel that gets its end.
func (c *children) start(program string, arguments []string, attributes *syscall.ProcAttr) (int, <-chan syscall.WaitStatus, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	pid, err := syscall.ForkExec(program, arguments, attributes)
	if err != nil {
		return 0, nil, err
	}
	end := make(chan syscall.WaitStatus, 1)
	c.waiting[pid] = end
	return pid, end, nil
}

// reap goes on until the process ends.
func (c *children) reap() {
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for {
		for c.reapOne() {
		}
		<-ended
	}
}

func (c *children) reapOne() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if err == syscall.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if end, ok := c.waiting[pid]; ok {
		delete(c.waiting, pid)
		end <- status
	}
	return true
}
