package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// treeOfEverything is the working tree as a git tree: what is tracked, `changed`, and what else isn't ignored, bounded.
func (r *repository) treeOfEverything(changed []string) (string, error) {
	others, err := r.untracked()
	if err != nil {
		return "", err
	}
	if r.isMuch(others) {
		others = nil
	}
	return r.treeWith(filepath.Join(r.private, "kept-index"), append(changed, others...))
}

// treeWith stages paths over our index, in another one.
func (r *repository) treeWith(index string, paths []string) (string, error) {
	if err := copyIndex(r.index, index); err != nil {
		return "", err
	}
	if err := r.stage(index, paths); err != nil {
		return "", err
	}
	tree, err := r.gitWith(nil, index, "write-tree", "--missing-ok")
	return strings.TrimSpace(tree), err
}

// stage first takes out what git can't take in: deleted files, pipes, and files of which a folder became a link.
func (r *repository) stage(index string, paths []string) error {
	var removed, present strings.Builder
	for _, path := range paths {
		if r.code.holdsContent(path) {
			present.WriteString(path + "\x00")
		} else {
			removed.WriteString("0 " + strings.Repeat("0", 40) + "\t" + path + "\x00")
		}
	}
	if _, err := r.gitWith(strings.NewReader(removed.String()), index, "update-index", "-z", "--index-info"); err != nil {
		return err
	}
	_, err := r.gitWith(strings.NewReader(present.String()), index, "update-index", "-z", "--add", "--remove", "--replace", "--stdin")
	return err
}

// untracked leaves out what is ignored, and repositories within this one, which end in a slash.
func (r *repository) untracked() ([]string, error) {
	names, err := r.names(r.index, "ls-files", "-z", "--others", "--exclude-standard")
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "/") }), err
}

func (r *repository) isMuch(paths []string) bool {
	if len(paths) > mostUntracked {
		return true
	}
	var bytes int64
	for _, path := range paths {
		if about, err := r.code.Lstat(path); err == nil {
			bytes += about.Size()
		}
	}
	return bytes > untrackedBytes
}

// copyIndex keeps its time, as confined.fetch does.
func copyIndex(from, to string) error {
	about, err := os.Stat(from)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, content, 0o600), os.Chtimes(to, about.ModTime(), about.ModTime()))
}
