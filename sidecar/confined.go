package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// confined is the code volume, below which the application, a stranger, may have replaced anything by a link:
// os.Root leads no read and no write out of it, whatever happens meanwhile.
type confined struct{ *os.Root }

// read returns nil for what isn't there.
func (c confined) read(name string) ([]byte, error) {
	file, err := c.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file)
}

// write replaces the file at once.
func (c confined) write(name string, content []byte) error {
	partial, err := c.writePartial(name, content)
	if err != nil {
		return err
	}
	return c.Rename(partial, name)
}

// writePartial removes what lies in its way first: opening a pipe would wait for ever.
func (c confined) writePartial(name string, content []byte) (string, error) {
	partial := name + ".new"
	if err := c.RemoveAll(partial); err != nil {
		return "", err
	}
	file, err := c.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, forEverybody)
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	return partial, errors.Join(err, file.Close())
}

// fetch copies a file out of the volume; false where it isn't there. The time goes along, because git compares an
// index' with those of the files in it (git's Documentation/technical/racy-git).
func (c confined) fetch(name, target string) (bool, error) {
	source, err := c.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer source.Close()
	about, err := source.Stat()
	if err != nil || !about.Mode().IsRegular() {
		return false, err
	}
	copied, err := os.Create(target)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(copied, source)
	return true, errors.Join(err, copied.Close(), os.Chtimes(target, about.ModTime(), about.ModTime()))
}

// bring is fetch the other way round.
func (c confined) bring(source, name string) error {
	about, err := os.Stat(source)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	partial, err := c.writePartial(name, content)
	if err != nil {
		return err
	}
	return errors.Join(c.Chtimes(partial, about.ModTime(), about.ModTime()), c.Rename(partial, name))
}

// mustBeFolders refuses links among the folders that git, which follows them, writes to.
func (c confined) mustBeFolders(names ...string) error {
	for _, name := range names {
		about, err := c.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !about.IsDir() {
			return fmt.Errorf("%s is no folder any more: something in the pod replaced it; remove /code/.git in the environment's shell and deliver again", name)
		}
	}
	return nil
}

// occupant is what stands where the file `name` is to be: a file, a link, a folder, or what takes the place of one of
// its folders. Empty where nothing does.
func (c confined) occupant(name string) (found string, isFolder bool) {
	parts := strings.Split(name, "/")
	for at := range parts {
		part := path.Join(parts[:at+1]...)
		about, err := c.Lstat(part)
		if err != nil {
			return "", false
		}
		if at == len(parts)-1 || !about.IsDir() {
			return part, about.IsDir()
		}
	}
	return "", false
}

// holdsContent says whether a file or link lies at `name` itself: what git can take in.
func (c confined) holdsContent(name string) bool {
	found, _ := c.occupant(name)
	if found != name {
		return false
	}
	about, err := c.Lstat(name)
	return err == nil && (about.Mode().IsRegular() || about.Mode()&fs.ModeSymlink != 0)
}
