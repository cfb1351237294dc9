package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

const (
	deliveredFile = lasting + "/rollout"
	// wantedFile outlives the pod, so that the next one on the volume runs what was delivered without asking anybody.
	wantedFile = lasting + "/wanted.json"
)

// receive takes one delivery in, and answers with one line.
func receive(p places, _ []string) error {
	syscall.Umask(0)
	input := newAttended(os.Stdin)
	reader := bufio.NewReaderSize(input, headerBytes)
	delivery, err := readHeader(reader)
	pack := io.LimitReader(reader, delivery.PackBytes)
	var repository *repository
	if err == nil {
		repository, err = unpack(p, delivery, pack)
	}
	// Read to its end in any case: the sender reads our answer when it has sent everything.
	io.Copy(io.Discard, pack)
	input.alarm.Stop()
	if err != nil {
		return refuse(err)
	}
	defer repository.close()
	aside, err := repository.deliver(delivery)
	if err != nil {
		return refuse(err)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"ok": true, "sha": delivery.SHA, "kept": aside})
}

// unpack needs no lock, so that a sender that stops in the middle keeps nobody else from delivering.
func unpack(p places, delivery header, pack io.Reader) (*repository, error) {
	r, err := openRepository(p)
	if err != nil {
		return nil, err
	}
	if _, err = r.newest(delivery); err == nil && delivery.PackBytes > 0 {
		err = r.takePack(pack)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// deliver checks the commit out, after everything that would be lost by it was put aside.
func (r *repository) deliver(delivery header) (*kept, error) {
	release, err := lock(r.at)
	if err != nil {
		return nil, err
	}
	defer release()
	before, err := r.accept(delivery)
	if err != nil {
		return nil, err
	}
	branch := r.branchFor(delivery.Branch)
	aside, err := r.keep(delivery, before.SHA, branch)
	if err != nil {
		return nil, err
	}
	if err := r.checkOut(delivery.SHA, branch); err != nil {
		return nil, err
	}
	after := delivered{before.Newest, delivery.Rollout, delivery.SHA}
	complain("git push can't be offered", errors.Join(r.offerPush(), tellOrigin(r.at, branch, delivery.SHA)))
	return aside, errors.Join(r.note(after), r.want(delivery.wanted))
}

// accept gives what was delivered before, with the new rollout noted as the newest.
func (r *repository) accept(delivery header) (delivered, error) {
	before, err := r.newest(delivery)
	if err != nil {
		return before, err
	}
	err = r.load()
	if err == nil {
		err = r.complete(delivery.SHA)
	}
	if err == nil {
		err = r.cutHistory(delivery.SHA)
	}
	if err != nil {
		return before, err
	}
	before.Newest = delivery.Rollout
	return before, r.note(before)
}

// newest refuses what is older than the newest delivery that was accepted: its sender woke up too late.
func (r *repository) newest(delivery header) (delivered, error) {
	before, err := r.noted()
	if err == nil && delivery.Rollout < before.Newest {
		err = refusal{stale, fmt.Sprintf("Rollout %d was accepted already; rollout %d comes too late.", before.Newest, delivery.Rollout)}
	}
	return before, err
}

func (r *repository) noted() (delivered, error) { return readDelivered(r.code) }

func (r *repository) note(what delivered) error {
	content, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return r.code.write(deliveredFile, content)
}

func (r *repository) want(what wanted) error {
	content, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return r.code.write(wantedFile, content)
}

// readDelivered gives the zero value before the first delivery, and for a file that the application spoilt.
func readDelivered(code confined) (delivered, error) {
	content, err := code.read(deliveredFile)
	var found delivered
	if err != nil || json.Unmarshal(content, &found) != nil || !objectName.MatchString(found.SHA) {
		found.SHA = ""
	}
	return found, err
}

// lock lies where the application can't hold it.
func lock(p places) (release func(), err error) {
	name := fnv.New64a()
	name.Write([]byte(p.code))
	file, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("catalyst-%x.lock", name.Sum64())), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return func() { file.Close() }, syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
}

func refuse(err error) error {
	kind := broken
	var known refusal
	if errors.As(err, &known) {
		kind = known.kind
	}
	answer := map[string]any{"ok": false, "error": kind, "message": err.Error()}
	return errors.Join(errRefused, json.NewEncoder(os.Stdout).Encode(answer))
}
