package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
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
	tip := flags.String("tip", "", "send this commit instead of HEAD")
	most := flags.Int64("most", math.MaxInt64, "bytes of the pack")
	if err := flags.Parse(arguments); err != nil {
		return refuse(refusal{invalid, err.Error()})
	}
	if *tip != "" && (*message != "" || !objectName.MatchString(*tip)) {
		return refuse(refusal{invalid, "--tip takes 40 hexadecimal digits, and nothing is committed with it."})
	}
	r, err := openRepository(p)
	if err != nil {
		return refuse(err)
	}
	defer r.close()
	about, err := r.prepare(*message, *author, *tip, *most)
	if err != nil {
		return refuse(err)
	}
	return r.print(about)
}

// prepare holds the lock, but not while somebody reads what is printed, however slowly.
func (r *repository) prepare(message, author, tip string, most int64) (sent, error) {
	release, err := lock(r.at)
	if err != nil {
		return sent{}, err
	}
	defer release()
	base, head, err := r.ends()
	if err != nil {
		return sent{}, err
	}
	if message != "" {
		if head, err = r.commitAll(head, message, author); err != nil {
			return sent{}, err
		}
	}
	if tip != "" {
		if head = r.commit(tip); head == "" {
			return sent{}, refusal{missing, fmt.Sprintf("Commit %s isn't in the pod's repository.", tip)}
		}
	}
	return r.pack(base, head, most)
}

// ends are the commit delivered last and HEAD, which the index then is of.
func (r *repository) ends() (base, head string, err error) {
	before, err := r.noted()
	if err == nil {
		err = r.load()
	}
	if err != nil {
		return "", "", err
	}
	base, head = r.commit(before.SHA), r.commit("HEAD")
	if base == "" || head == "" {
		return "", "", refusal{missing, "What was delivered last, or HEAD, isn't in the pod's repository any more: deliver again."}
	}
	return base, head, r.readBase(head)
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

// pack counts commits from what was delivered last, whatever became of the history since.
func (r *repository) pack(base, head string, most int64) (sent, error) {
	about := sent{SHA: head, Base: base, Files: []string{}}
	if err := r.cutBefore(base); err != nil {
		return about, err
	}
	changed, err := r.changed()
	if err != nil {
		return about, err
	}
	about.IsDirty = len(changed) > 0
	count, err := r.git("rev-list", "--count", base+".."+head)
	if err != nil {
		return about, err
	}
	if about.Commits, err = strconv.Atoi(strings.TrimSpace(count)); err != nil || about.Commits == 0 {
		return about, err
	}
	files, err := r.filesOf([]string{head}, base, nil)
	if err != nil {
		return about, err
	}
	about.Files = append(about.Files, files[:min(len(files), mostFilesTold)]...)
	about.PackBytes, err = r.writePack(base, head, most)
	return about, err
}

// cutBefore makes git, here only, take the commit for one without parents: who gets the pack has its files, not its past.
func (r *repository) cutBefore(base string) error {
	file := filepath.Join(r.private, "shallow")
	known, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	commits := append(strings.Fields(string(known)), base)
	return os.WriteFile(file, []byte(strings.Join(commits, "\n")+"\n"), 0o600)
}

func (r *repository) writePack(base, head string, most int64) (int64, error) {
	file, err := os.Create(r.packFile())
	if err != nil {
		return 0, err
	}
	defer file.Close()
	ends := strings.NewReader(head + "\n^" + base + "\n")
	output := &bounded{file, most}
	err = r.gitInto(output, ends, r.index, "pack-objects", "--revs", "--thin", "--stdout", "-q", "--delta-base-offset")
	if output.left < 0 {
		return 0, refusal{broken, "The commits are larger than what can be pushed from here: push them from another machine, or leave big files out."}
	}
	if err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekEnd)
}

// bounded refuses what goes past its bytes.
type bounded struct {
	file *os.File
	left int64
}

func (b *bounded) Write(content []byte) (int, error) {
	if b.left -= int64(len(content)); b.left < 0 {
		return 0, io.ErrShortWrite
	}
	return b.file.Write(content)
}

func (r *repository) packFile() string { return filepath.Join(r.private, "pack") }

func (r *repository) print(about sent) error {
	if err := json.NewEncoder(os.Stdout).Encode(about); err != nil || about.PackBytes == 0 {
		return err
	}
	file, err := os.Open(r.packFile())
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(os.Stdout, file)
	return err
}
