package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	// ownConfig is all the configuration that our git has: that of the repository could name programs to run. Filters that
	// .gitattributes names are nothing without it.
	ownConfig = `[core]
	repositoryformatversion = 0
	bare = false
	hooksPath = /dev/null
	fsmonitor = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	commitGraph = false
	multiPackIndex = false
	logAllRefUpdates = false
[protocol]
	allow = never
[submodule]
	recurse = false
[gc]
	auto = 0
`
	// newConfig is what people's git in the terminal finds.
	newConfig     = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n"
	keptRefs      = "refs/catalyst/kept"
	mostComplaint = 500
	// gitTime ends a git that hangs on what the application laid out for it, such as a pipe called .gitignore.
	gitTime = 5 * time.Minute
)

var (
	objectName = regexp.MustCompile(`^[0-9a-f]{40}$`)
	headFile   = regexp.MustCompile(`^(ref: refs/\S+|[0-9a-f]{40})\n?$`)
)

// repository is the working tree of the code volume, seen through a git folder of our own: configuration and
// index are ours, objects and references are shared with the application's .git, which is hostile.
type repository struct {
	code    confined
	at      places
	private string
	index   string
	// author of commits made by us.
	name, mail string
}

// openRepository makes the repository where there is none yet.
func openRepository(p places) (*repository, error) {
	root, err := os.OpenRoot(p.code)
	if err != nil {
		return nil, err
	}
	r := &repository{code: confined{root}, at: p, name: "Catalyst", mail: "catalyst@localhost"}
	if r.private, err = os.MkdirTemp("", "catalyst-git-"); err != nil {
		return nil, err
	}
	r.index = filepath.Join(r.private, "index")
	if err := errors.Join(r.layLocked(), r.layPrivate()); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *repository) close() {
	os.RemoveAll(r.private)
	r.code.Close()
}

// layLocked, because two first deliveries at once would take each other's new files away.
func (r *repository) layLocked() error {
	release, err := lock(r.at)
	if err != nil {
		return err
	}
	defer release()
	return r.lay()
}

// lay brings .git to what git needs at least (gitrepository-layout(5)), and refuses one whose folders lead elsewhere.
func (r *repository) lay() error {
	folders := []string{".git", ".git/info", ".git/objects", ".git/objects/info", ".git/objects/pack", ".git/refs", ".git/refs/heads", lasting}
	if err := r.code.mustBeFolders(append(folders, ".git/refs/catalyst", ".git/"+keptRefs)...); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := r.code.MkdirAll(folder, 0o777); err != nil {
			return err
		}
	}
	for file, content := range map[string]string{".git/config": newConfig, ".git/HEAD": "ref: refs/heads/preview\n"} {
		if _, err := r.code.Lstat(file); err != nil {
			if err := r.code.write(file, []byte(content)); err != nil {
				return err
			}
		}
	}
	return r.refuseLinkedObjects()
}

// refuseLinkedObjects looks at the folders of loose objects.
func (r *repository) refuseLinkedObjects() error {
	folder, err := r.code.Open(".git/objects")
	if err != nil {
		return err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	for at := range names {
		names[at] = ".git/objects/" + names[at]
	}
	return errors.Join(err, r.code.mustBeFolders(names...))
}

func (r *repository) layPrivate() error {
	git := filepath.Join(r.at.code, ".git")
	return errors.Join(
		os.Mkdir(filepath.Join(r.private, "info"), 0o700),
		os.WriteFile(filepath.Join(r.private, "config"), []byte(ownConfig), 0o600),
		os.WriteFile(filepath.Join(r.private, "HEAD"), []byte("ref: refs/heads/preview\n"), 0o600),
		os.Symlink(filepath.Join(git, "refs"), filepath.Join(r.private, "refs")),
	)
}

// load takes over what the application may have changed; to be called with the lock held.
func (r *repository) load() error {
	for from, to := range map[string]string{
		lasting + "/index": "index", ".git/packed-refs": "packed-refs", ".git/shallow": "shallow", ".git/info/exclude": "info/exclude",
	} {
		if _, err := r.code.fetch(from, filepath.Join(r.private, to)); err != nil {
			return err
		}
	}
	head, err := r.code.read(".git/HEAD")
	if err == nil && headFile.Match(head) {
		err = os.WriteFile(filepath.Join(r.private, "HEAD"), head, 0o600)
	}
	return err
}

// saveIndex for the next delivery, and for people's git, whose own one would show every file as changed.
func (r *repository) saveIndex() error {
	return errors.Join(r.code.bring(r.index, lasting+"/index"), r.code.bring(r.index, ".git/index"))
}

// git runs one plumbing command over the working tree. The error holds what git said.
func (r *repository) git(arguments ...string) (string, error) {
	return r.gitWith(nil, r.index, arguments...)
}

func (r *repository) gitWith(input io.Reader, index string, arguments ...string) (string, error) {
	var output bytes.Buffer
	err := r.gitInto(&output, input, index, arguments...)
	return output.String(), err
}

func (r *repository) gitInto(output io.Writer, input io.Reader, index string, arguments ...string) error {
	limit, cancel := context.WithTimeout(context.Background(), gitTime)
	defer cancel()
	return r.run(exec.CommandContext(limit, "git", arguments...), output, input, index)
}

func (r *repository) run(command *exec.Cmd, output io.Writer, input io.Reader, index string) error {
	var complaint bytes.Buffer
	command.Dir, command.Env = r.at.code, r.environment(index)
	command.Stdin, command.Stdout, command.Stderr = input, output, &complaint
	if err := command.Run(); err != nil {
		said := strings.Join(strings.Fields(strings.ToValidUTF8(complaint.String(), "?")), " ")
		return fmt.Errorf("git %s: %s (%w)", command.Args[1], said[:min(len(said), mostComplaint)], err)
	}
	return nil
}

// environment is the whole of it: nothing of the container's goes to git.
func (r *repository) environment(index string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.private, "LC_ALL=C",
		"GIT_DIR=" + r.private, "GIT_WORK_TREE=" + r.at.code, "GIT_INDEX_FILE=" + index,
		"GIT_OBJECT_DIRECTORY=" + filepath.Join(r.at.code, ".git", "objects"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_LITERAL_PATHSPECS=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_AUTHOR_NAME=" + r.name, "GIT_AUTHOR_EMAIL=" + r.mail,
		"GIT_COMMITTER_NAME=" + r.name, "GIT_COMMITTER_EMAIL=" + r.mail,
	}
}

// commit resolves a name; empty where there is no such commit.
func (r *repository) commit(name string) string {
	found, err := r.git("rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(found)
}

func (r *repository) isAncestor(of, commit string) bool {
	_, err := r.git("merge-base", "--is-ancestor", of, commit)
	return err == nil
}

// names runs a command that lists paths with -z.
func (r *repository) names(index string, arguments ...string) ([]string, error) {
	text, err := r.gitWith(nil, index, arguments...)
	return strings.FieldsFunc(text, func(each rune) bool { return each == 0 }), err
}
