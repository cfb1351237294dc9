package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	mostFilesTold = 20
	// mostUntracked and untrackedBytes bound what is kept besides what would be lost: untracked files stay where they are
	// anyway, and node_modules that nobody ignores would take minutes.
	mostUntracked  = 1000
	untrackedBytes = 50 << 20
)

// change is what was done in the pod since the last delivery, and would be lost by this one.
type change struct {
	// base is the commit that the working tree is compared with; empty before the first delivery.
	base string
	// commits were made here and aren't part of what is delivered.
	commits []string
	// suspects are paths that differ, or stand in the way.
	suspects []string
}

// keep puts everything on a reference that would be lost; nil when there is nothing. `was`: the commit delivered last.
func (r *repository) keep(delivery header, was, branch string) (*kept, error) {
	was = r.commit(was)
	found, err := r.changeSince(was, branch, delivery.SHA)
	if err != nil || len(found.commits)+len(found.suspects) == 0 {
		return nil, err
	}
	tree, err := r.treeOfEverything(found.suspects)
	if err != nil {
		return nil, err
	}
	lost, err := r.lost(found, tree, delivery.SHA)
	if err != nil || len(found.commits)+len(lost) == 0 {
		return nil, err
	}
	commit, err := r.commitKept(found, tree, delivery.Rollout)
	if err != nil {
		return nil, err
	}
	ref, err := r.newKeptRef(commit, delivery.Rollout)
	if err != nil {
		return nil, err
	}
	files, err := r.filesOf(found.commits, was, lost)
	return &kept{ref, commit, files[:min(len(files), mostFilesTold)], len(files)}, err
}

func (r *repository) changeSince(was, branch, sha string) (change, error) {
	head := r.commit("HEAD")
	found := change{base: head}
	if head == "" {
		found.base = was
	}
	if err := r.readBase(found.base); err != nil {
		return found, err
	}
	for _, commit := range []string{head, r.commit("refs/heads/" + branch)} {
		if commit != "" && commit != was && !slices.Contains(found.commits, commit) && !r.isAncestor(commit, sha) {
			found.commits = append(found.commits, commit)
		}
	}
	modified, err := r.modified()
	if err != nil {
		return found, err
	}
	inTheWay, err := r.inTheWay(found.base, sha)
	found.suspects = append(modified, inTheWay...)
	return found, err
}

// readBase makes the index that of the commit, with what is known of unchanged files; without, if the index is spoilt.
func (r *repository) readBase(base string) error {
	how := []string{"read-tree", "--empty"}
	if base != "" {
		how = []string{"read-tree", "--reset", base}
	}
	if _, err := r.git(how...); err != nil {
		os.Remove(r.index)
		if _, err := r.git(how...); err != nil {
			return err
		}
	}
	// Its exit code only says whether any file differs.
	r.git("update-index", "-q", "--really-refresh")
	return nil
}

// modified lists tracked files that differ. Submodules aren't looked into: git would run what their configuration names.
func (r *repository) modified() ([]string, error) {
	return r.names(r.index, "diff-files", "-z", "--name-only", "--ignore-submodules=all")
}

// inTheWay lists untracked files where the commit has files of its own.
func (r *repository) inTheWay(base, sha string) ([]string, error) {
	added, err := r.added(base, sha)
	var found []string
	for _, path := range added {
		occupant, isFolder := r.code.occupant(path)
		switch {
		case occupant == "":
		case isFolder:
			inside, err := r.names(r.index, "ls-files", "-z", "--others", "--", occupant)
			if err != nil {
				return nil, err
			}
			found = append(found, inside...)
		default:
			found = append(found, occupant)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), err
}

func (r *repository) added(base, sha string) ([]string, error) {
	if base == "" {
		return r.names(r.index, "ls-tree", "-r", "-z", "--name-only", sha)
	}
	return r.names(r.index, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A", base, sha)
}

// lost leaves out what is as it was, and what is as it will be.
func (r *repository) lost(found change, tree, sha string) ([]string, error) {
	fromNew, err := r.differing(sha, tree)
	if err != nil {
		return nil, err
	}
	fromBase := fromNew
	if found.base != "" {
		if fromBase, err = r.differing(found.base, tree); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(found.suspects), func(path string) bool {
		return !fromNew[path] || !fromBase[path]
	}), nil
}

func (r *repository) differing(one, other string) (map[string]bool, error) {
	names, err := r.names(r.index, "diff-tree", "-r", "-z", "--name-only", "--no-renames", one, other)
	found := map[string]bool{}
	for _, name := range names {
		found[name] = true
	}
	return found, err
}

// commitKept has the commits made here as parents; it is one of them where nothing else was changed.
func (r *repository) commitKept(found change, tree string, rollout int64) (string, error) {
	parents := found.commits
	if found.base != "" && !slices.Contains(parents, found.base) {
		parents = append([]string{found.base}, parents...)
	}
	if len(parents) == 1 && r.treeOf(parents[0]) == tree {
		return parents[0], nil
	}
	arguments := []string{"commit-tree", tree, "-m", fmt.Sprintf("Changes made in the environment before rollout %d", rollout)}
	for _, parent := range parents {
		arguments = append(arguments, "-p", parent)
	}
	made, err := r.git(arguments...)
	return strings.TrimSpace(made), err
}

func (r *repository) treeOf(commit string) string {
	found, _ := r.git("rev-parse", "--verify", "--quiet", commit+"^{tree}")
	return strings.TrimSpace(found)
}

// newKeptRef gives a delivery that is repeated another reference, so that the first one stays.
func (r *repository) newKeptRef(commit string, rollout int64) (string, error) {
	ref := fmt.Sprintf("%s/%d", keptRefs, rollout)
	for again := 2; r.commit(ref) != ""; again++ {
		ref = fmt.Sprintf("%s/%d-%d", keptRefs, rollout, again)
	}
	_, err := r.git("update-ref", "--no-deref", ref, commit, "")
	return ref, err
}

func (r *repository) filesOf(commits []string, was string, lost []string) ([]string, error) {
	files := slices.Clone(lost)
	for _, commit := range commits {
		names, err := r.added("", commit)
		if was != "" {
			names, err = r.names(r.index, "diff-tree", "-r", "-z", "--name-only", "--no-renames", was, commit)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, names...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
