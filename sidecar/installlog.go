package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const installLogBytes = 10 << 20

// installLog is the output of one installation, bounded, for whoever follows it.
type installLog struct {
	file *os.File
	left int
}

// newInstallLog replaces the file instead of emptying it, so that followers see that another installation began.
func newInstallLog(p places) (*installLog, error) {
	file, err := os.CreateTemp(filepath.Dir(p.installLog()), ".new-")
	if err != nil {
		return nil, err
	}
	if err := file.Chmod(forEverybody); err != nil {
		return nil, err
	}
	return &installLog{file, installLogBytes}, os.Rename(file.Name(), p.installLog())
}

// Write never fails for a full log: it says once that the rest is missing, and drops it.
func (l *installLog) Write(content []byte) (int, error) {
	if l.left < 0 {
		return len(content), nil
	}
	part := content[:min(len(content), l.left)]
	_, err := l.file.Write(part)
	l.left -= len(part)
	if err == nil && len(part) < len(content) {
		l.left = -1
		_, err = fmt.Fprintf(l.file, "\n(the rest is left out here: more than %d MiB of output)\n", installLogBytes>>20)
	}
	return len(content), err
}
