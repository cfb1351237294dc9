package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	// smallBytes bounds every file that the application, a stranger, may have written for us to read.
	smallBytes = 1 << 20
	// forEverybody: both containers write to the volumes, and need not run as the same user.
	forEverybody = 0o666
)

// readSmall returns nil for a file that isn't there. It opens neither links nor pipes, which would lead or hold us elsewhere.
func readSmall(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file)
}

func readBounded(file *os.File) ([]byte, error) {
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !about.Mode().IsRegular() || about.Size() > smallBytes {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", file.Name(), smallBytes)
	}
	return io.ReadAll(io.LimitReader(file, smallBytes))
}

// writeJSON replaces the file at once: whoever reads it sees the old or the new one, whole.
func writeJSON(path string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(append(content, '\n')); err != nil {
		return err
	}
	if err := file.Chmod(forEverybody); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// copyProgram puts a program where the other container finds it, at once.
func copyProgram(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	target, err := os.CreateTemp(filepath.Dir(to), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(target.Name())
	if _, err := io.Copy(target, source); err != nil {
		return errors.Join(err, target.Close())
	}
	// Closed before it gets its name: a program that is open for writing can't be started.
	if err := errors.Join(target.Chmod(0o755), target.Close()); err != nil {
		return err
	}
	return os.Rename(target.Name(), to)
}
