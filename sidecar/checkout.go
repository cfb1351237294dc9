package main

import (
	"path"
	"strings"
)

// plainBranch is taken where the wanted branch has no name that git takes.
const plainBranch = "preview"

// unfinished are git's notes of merges and the like, which the new commit ends (as `git reset --hard` does).
var unfinished = []string{"MERGE_HEAD", "MERGE_MODE", "MERGE_MSG", "AUTO_MERGE", "CHERRY_PICK_HEAD", "REVERT_HEAD", "SQUASH_MSG"}

// checkOut brings working tree, branch and HEAD to the commit. Unchanged files aren't touched: watchers would see it.
func (r *repository) checkOut(sha, branch string) error {
	if _, err := r.git("read-tree", "--reset", "-u", sha); err != nil {
		return err
	}
	if err := r.point(branch, sha); err != nil {
		return err
	}
	for _, name := range unfinished {
		r.code.Remove(".git/" + name)
	}
	return r.saveIndex()
}

// point sets the branch and HEAD; the plain branch where a branch of the application's own is in the way (a, a/b).
func (r *repository) point(branch, sha string) error {
	if _, err := r.git("update-ref", "--no-deref", "refs/heads/"+branch, sha); err != nil {
		if branch == plainBranch {
			return err
		}
		return r.point(plainBranch, sha)
	}
	return r.code.write(".git/HEAD", []byte("ref: refs/heads/"+branch+"\n"))
}

// branchFor takes the name when git does, and when no folder of it leads elsewhere. The name is a stranger's.
func (r *repository) branchFor(name string) string {
	ref := "refs/heads/" + name
	if strings.HasPrefix(name, "-") || name == "HEAD" || strings.ContainsRune(name, 0) {
		return plainBranch
	}
	if _, err := r.git("check-ref-format", ref); err != nil || r.isElsewhere(ref) {
		return plainBranch
	}
	return name
}

// isElsewhere says whether a folder of the reference was replaced by a link, which git would follow.
func (r *repository) isElsewhere(ref string) bool {
	for folder := path.Dir(ref); folder != "refs" && folder != "."; folder = path.Dir(folder) {
		if r.code.mustBeFolders(".git/"+folder) != nil {
			return true
		}
	}
	return false
}
