package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// takePack unpacks what was sent. A pack that builds upon what isn't here is the sender's to complete.
func (r *repository) takePack(pack io.Reader) error {
	// Without git's time limit: how long it takes is the sender's affair.
	err := r.run(exec.Command("git", "index-pack", "--fix-thin", "--stdin"), io.Discard, pack, r.index)
	if err != nil && strings.Contains(err.Error(), "unresolved delta") {
		return refusal{missing, "The pack builds upon objects that aren't in the pod: send all of the commit."}
	}
	return err
}

// complete refuses a commit of which anything is missing, as after somebody emptied .git.
func (r *repository) complete(sha string) error {
	if r.commit(sha) == "" {
		return refusal{missing, fmt.Sprintf("Commit %s isn't in the pod: send it.", sha)}
	}
	if _, err := r.git("rev-list", "--objects", "--no-walk", "--quiet", sha); err != nil {
		return refusal{missing, fmt.Sprintf("Not all of commit %s is in the pod: send all of it. %v", sha, err)}
	}
	return nil
}

// cutHistory notes a commit whose parents weren't sent, or git would take the repository for damaged (gitrepository-layout(5), shallow).
func (r *repository) cutHistory(sha string) error {
	text, err := r.git("cat-file", "commit", sha)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(text, "\n") {
		parent, isParent := strings.CutPrefix(line, "parent ")
		if line == "" {
			break
		}
		if isParent && r.commit(parent) == "" {
			return r.addShallow(sha)
		}
	}
	return nil
}

func (r *repository) addShallow(sha string) error {
	content, err := r.code.read(".git/shallow")
	if err != nil {
		return err
	}
	known := strings.Fields(string(content))
	for _, each := range known {
		if each == sha {
			return nil
		}
	}
	if err := r.code.write(".git/shallow", []byte(strings.Join(append(known, sha), "\n")+"\n")); err != nil {
		return err
	}
	_, err = r.code.fetch(".git/shallow", r.private+"/shallow")
	return err
}
