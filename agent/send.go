package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

var authorForm = regexp.MustCompile(`^([^<>\x00-\x1f]+) <([^<>\s]+)>$`)

// sent is the line before the pack.
type sent struct {
	SHA       string   `json:"sha"`
	Base      string   `json:"base"`
	Commits   int      `json:"commits"`
	PackBytes int64    `json:"pack_bytes"`
	IsDirty   bool     `json:"is_dirty"`
	Files     []string `json:"files"`
}

// send prints what was committed since the last delivery, for whoever holds the credential of the forge.
func send(p places, arguments []string) error {
	syscall.Umask(0)
	flags := flag.NewFlagSet("send", flag.ContinueOnError)
	message := flags.String("commit", "", "first commit everything, with this message")
	author := flags.String("author", "", "of that commit, as `Name <mail>`")
	if err := flags.Parse(arguments); err != nil {
		return refuse(refusal{invalid, err.Error()})
	}
	r, err := openRepository(p)
	if err != nil {
		return refuse(err)
	}
	defer r.close()
	release, err := lock(p)
	if err != nil {
		return refuse(err)
	}
	defer release()
	if err := r.send(*message, *author); err != nil {
		return refuse(err)
	}
	return nil
}

func (r *repository) send(message, author string) error {
	before, err := r.noted()
	if err != nil {
		return err
	}
	if err := r.load(); err != nil {
		return err
	}
	base, head := r.commit(before.SHA), r.commit("HEAD")
	if base == "" || head == "" {
		return refusal{missing, "What was delivered last, or HEAD, isn't in the pod's repository any more: deliver again."}
	}
	if err := r.readBase(head); err != nil {
		return err
	}
	if message != "" {
		if head, err = r.commitAll(head, message, author); err != nil {
			return err
		}
	}
	return r.print(base, head)
}

// commitAll is `git add --all` and `git commit`, without the programs that these may run. The head stays where nothing changed.
func (r *repository) commitAll(head, message, author string) (string, error) {
	names := authorForm.FindStringSubmatch(author)
	if names == nil {
		return "", refusal{invalid, "The author must be given as `Name <mail>`."}
	}
	changed, err := r.changed()
	if err != nil || len(changed) == 0 {
		return head, err
	}
	if err := r.stage(r.index, changed); err != nil {
		return "", err
	}
	tree, err := r.git("write-tree")
	if err != nil {
		return "", err
	}
	r.name, r.mail = names[1], names[2]
	made, err := r.git("commit-tree", strings.TrimSpace(tree), "-p", head, "-m", message)
	if err != nil {
		return "", err
	}
	made = strings.TrimSpace(made)
	return made, r.advance(head, made)
}

// advance moves the branch that is checked out, or HEAD itself where none is.
func (r *repository) advance(head, made string) error {
	ref, err := r.git("symbolic-ref", "--quiet", "HEAD")
	ref = strings.TrimSpace(ref)
	switch {
	case err != nil:
		err = r.code.write(".git/HEAD", []byte(made+"\n"))
	case r.isElsewhere(ref):
		err = refusal{broken, fmt.Sprintf("A folder of %s isn't one any more: check out another branch in the environment's shell.", ref)}
	default:
		_, err = r.git("update-ref", "--no-deref", ref, made, head)
	}
	if err != nil {
		return err
	}
	return r.saveIndex()
}

func (r *repository) changed() ([]string, error) {
	modified, err := r.modified()
	if err != nil {
		return nil, err
	}
	others, err := r.untracked()
	return append(modified, others...), err
}

// print writes header and pack. Commits are counted from what was delivered last, whatever became of the history since.
func (r *repository) print(base, head string) error {
	about := sent{SHA: head, Base: base, Files: []string{}}
	count, err := r.git("rev-list", "--count", base+".."+head)
	if err != nil {
		return err
	}
	about.Commits, _ = strconv.Atoi(strings.TrimSpace(count))
	changed, err := r.changed()
	if err != nil {
		return err
	}
	about.IsDirty = len(changed) > 0
	if about.Commits == 0 {
		return json.NewEncoder(os.Stdout).Encode(about)
	}
	files, err := r.filesOf([]string{head}, base, nil)
	if err != nil {
		return err
	}
	about.Files = files[:min(len(files), mostFilesTold)]
	return r.printPack(about)
}

func (r *repository) printPack(about sent) error {
	file, err := os.Create(filepath.Join(r.private, "pack"))
	if err != nil {
		return err
	}
	defer file.Close()
	wanted := strings.NewReader(fmt.Sprintf("%s\n^%s\n", about.SHA, about.Base))
	if err := r.gitInto(file, wanted, r.index, "pack-objects", "--revs", "--thin", "--stdout", "-q", "--delta-base-offset"); err != nil {
		return err
	}
	if about.PackBytes, err = file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(about); err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, io.NewSectionReader(file, 0, about.PackBytes))
	return err
}
