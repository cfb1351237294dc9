package main

import (
	"encoding/json"
	"io"
	"os"
	"syscall"
	"unicode/utf8"
)

const chunkBytes = 64 << 10

// follower reads a log that grows, and the one that replaces it from its beginning.
type follower struct {
	path string
	file *os.File
	// rest is the beginning of a character of which the end wasn't written yet.
	rest []byte
}

// tell prints what is new; `isWanted`: whether the log that lies there is to be begun.
func (f *follower) tell(lines *json.Encoder, isWanted bool) error {
	if err := f.drain(lines); err != nil || !isWanted || !f.isReplaced() {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.rest = file, nil
	return f.drain(lines)
}

func (f *follower) isReplaced() bool {
	there, err := os.Lstat(f.path)
	if err != nil || !there.Mode().IsRegular() {
		return false
	}
	if f.file == nil {
		return true
	}
	open, err := f.file.Stat()
	return err != nil || !os.SameFile(open, there)
}

func (f *follower) drain(lines *json.Encoder) error {
	if f.file == nil {
		return nil
	}
	buffer := make([]byte, chunkBytes)
	for {
		count, err := f.file.Read(buffer)
		text := append(f.rest, buffer[:count]...)
		whole := wholeCharacters(text)
		f.rest = append([]byte{}, text[whole:]...)
		if whole > 0 {
			if err := lines.Encode(map[string]string{"install": string(text[:whole])}); err != nil {
				return err
			}
		}
		if count == 0 || err == io.EOF || err != nil {
			return nil
		}
	}
}

// wholeCharacters counts the bytes before a last character that isn't complete.
func wholeCharacters(text []byte) int {
	for back := 1; back <= min(len(text), utf8.UTFMax-1); back++ {
		if start := len(text) - back; utf8.RuneStart(text[start]) {
			if utf8.FullRune(text[start:]) {
				return len(text)
			}
			return start
		}
	}
	return len(text)
}
