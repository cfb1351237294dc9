package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	// pushPatience is how long `git push` in the terminal waits for what becomes of it; longer than the worker may take.
	pushPatience = 150 * time.Second
	answerTick   = 100 * time.Millisecond
	wishTick     = 250 * time.Millisecond
	mostAnswer   = 2000
	mostLine     = 10_000
)

var wishName = regexp.MustCompile(`^[0-9a-f]{32}$`)

// push is what somebody asked for in the terminal and nobody has answered yet.
type push struct {
	ID  string `json:"id"`
	SHA string `json:"sha"`
}

// pushed is what became of it.
type pushed struct {
	ID      string `json:"id"`
	IsDone  bool   `json:"is_done"`
	Message string `json:"message"`
}

// preReceive is the hook of `git push` in the terminal: it asks the worker to push to the forge, waits for what becomes of
// it, and says so. What it prints git shows to whoever pushes.
func preReceive(p places, _ []string) error {
	sha, err := tipOf(os.Stdin, branchOf(p))
	if err != nil {
		return told(err)
	}
	release, err := alone(p)
	if err != nil {
		return told(err)
	}
	defer release()
	answer, err := ask(p, sha)
	if err != nil {
		return told(err)
	}
	fmt.Println(answer.Message)
	if !answer.IsDone {
		return errRefused
	}
	return nil
}

// tipOf reads what git tells its hook (githooks(5), pre-receive): lines of old value, new value, reference.
func tipOf(input io.Reader, branch string) (string, error) {
	lines := bufio.NewScanner(io.LimitReader(input, mostLine))
	var tip string
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		isBranch := len(fields) == 3 && (fields[2] == branchRefs+branch || fields[2] == branchRefs+plainBranch)
		if !isBranch || tip != "" {
			return "", fmt.Errorf("only the pull request's branch can be pushed from here: git push origin HEAD:%s", branch)
		}
		tip = fields[1]
	}
	if !objectName.MatchString(tip) || tip == strings.Repeat("0", len(tip)) {
		return "", errors.New("a branch can't be deleted from here")
	}
	return tip, nil
}

// branchOf is the pull request's; empty before the first delivery.
func branchOf(p places) string {
	if delivered, err := readWanted(p); err == nil && delivered != nil {
		return delivered.Branch
	}
	return ""
}

// alone lets one push after another ask: there is one answer.
func alone(p places) (release func(), err error) {
	file, err := os.OpenFile(p.push()+".lock", os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, forEverybody)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, errors.New("another push is under way: wait for its end")
	}
	return func() { file.Close() }, nil
}

func ask(p places, sha string) (pushed, error) {
	wish := push{newWish(), sha}
	if err := writeJSON(p.push(), wish); err != nil {
		return pushed{}, err
	}
	defer os.Remove(p.push())
	for began := time.Now(); time.Since(began) < pushPatience; time.Sleep(answerTick) {
		var answer pushed
		if readInto(p.pushed(), &answer) && answer.ID == wish.ID {
			return answer, nil
		}
	}
	return pushed{}, fmt.Errorf("no answer came within %s: your commits are safe here; push again, or see whether the platform runs", pushPatience)
}

func newWish() string {
	name := make([]byte, 16)
	rand.Read(name)
	return hex.EncodeToString(name)
}

// told is how the hook says what is wrong: on standard output, as a refusal.
func told(err error) error {
	fmt.Println("Not pushed: " + err.Error() + ".")
	return errRefused
}

// printPushes tells of every push that is asked for, once, until standard output can't be written.
func printPushes(p places, _ []string) error {
	lines := json.NewEncoder(os.Stdout)
	var last string
	for beaten := time.Now(); ; time.Sleep(wishTick) {
		if wish := wishOf(p); wish != nil && wish.ID != last {
			if err := lines.Encode(map[string]any{"push": wish}); err != nil {
				return err
			}
			last = wish.ID
		}
		if time.Since(beaten) > beatEvery {
			if err := lines.Encode(map[string]bool{"beat": true}); err != nil {
				return err
			}
			beaten = time.Now()
		}
	}
}

// wishOf returns nil where none is asked for; one whose asker is gone is none.
func wishOf(p places) *push {
	about, err := os.Lstat(p.push())
	if err != nil || time.Since(about.ModTime()) > pushPatience {
		return nil
	}
	var wish push
	if !readInto(p.push(), &wish) || !wishName.MatchString(wish.ID) || !objectName.MatchString(wish.SHA) {
		return nil
	}
	return &wish
}

// answerPush tells the terminal. Whoever waited and is gone is told nothing.
func answerPush(p places, arguments []string) error {
	syscall.Umask(0)
	var answer pushed
	flags := flag.NewFlagSet("answer", flag.ContinueOnError)
	flags.StringVar(&answer.ID, "id", "", "of the push")
	flags.BoolVar(&answer.IsDone, "done", false, "it was pushed")
	flags.StringVar(&answer.Message, "message", "", "what to say")
	if err := flags.Parse(arguments); err != nil {
		return refuse(refusal{invalid, err.Error()})
	}
	answer.Message = answer.Message[:min(len(answer.Message), mostAnswer)]
	if err := writeJSON(p.pushed(), answer); err != nil {
		return refuse(err)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]bool{"ok": true})
}

// readInto is false for what isn't there and for what isn't understood.
func readInto(path string, value any) bool {
	content, err := readSmall(path)
	return err == nil && content != nil && json.Unmarshal(content, value) == nil
}
