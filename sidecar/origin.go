package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

const (
	originFolder = "origin.git"
	originConfig = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
	branchRefs   = "refs/heads/"
	runnable     = 0o777
)

// layOrigin makes what `git push` in the terminal pushes to: a repository that shares the working tree's objects, and whose
// hook asks the worker to push to the forge (docs/decisions/0016). All of it lies where the application can change it: what
// comes out of it is a wish, which the worker judges.
func layOrigin(p places) error {
	shared, err := os.OpenRoot(p.shared)
	if err != nil {
		return err
	}
	defer shared.Close()
	c := confined{shared}
	if err := c.RemoveAll(originFolder); err != nil {
		return err
	}
	for _, folder := range []string{"objects/info", "objects/pack", branchRefs, "hooks"} {
		if err := c.MkdirAll(originFolder+"/"+folder, runnable); err != nil {
			return err
		}
	}
	files := map[string]string{
		"HEAD":                    "ref: " + branchRefs + plainBranch + "\n",
		"config":                  originConfig,
		"objects/info/alternates": p.code + "/.git/objects\n",
		"hooks/pre-receive":       fmt.Sprintf("#!/bin/sh\nexec '%s' pre-receive\n", p.binary()),
	}
	for name, content := range files {
		if err := c.write(originFolder+"/"+name, []byte(content)); err != nil {
			return err
		}
	}
	return errors.Join(c.Chmod(originFolder+"/hooks/pre-receive", runnable), tellOriginAgain(p))
}

// tellOriginAgain after the container was started anew, of what was delivered before.
func tellOriginAgain(p places) error {
	delivered, err := readWanted(p)
	if err != nil || delivered == nil || !objectName.MatchString(delivered.SHA) {
		return nil
	}
	r, err := openRepository(p)
	if err != nil {
		return nil
	}
	defer r.close()
	return tellOrigin(p, r.branchFor(delivered.Branch), delivered.SHA)
}

// tellOrigin notes what the forge has, so that `git push` knows what is new. `branch` is one that git takes.
func tellOrigin(p places, branch, sha string) error {
	shared, err := os.OpenRoot(p.shared)
	if err != nil {
		return err
	}
	defer shared.Close()
	c, refs := confined{shared}, originFolder+"/"+branchRefs
	if _, err := c.Lstat(originFolder); err != nil {
		return nil // the container's main process lays it, and tells it then
	}
	name := refs + branch
	return errors.Join(
		c.RemoveAll(strings.TrimSuffix(refs, "/")),
		c.MkdirAll(name[:strings.LastIndex(name, "/")], runnable),
		c.write(name, []byte(sha+"\n")),
	)
}

// offerPush makes `git push` in the terminal go to our repository, unless somebody has named another origin.
func (r *repository) offerPush() error {
	config, err := r.code.read(".git/config")
	if err != nil || strings.Contains(string(config), `[remote "origin"]`) {
		return err
	}
	ours := fmt.Sprintf(
		"[remote \"origin\"]\n\turl = %s\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\treceivepack = %s receive-pack\n\tuploadpack = %s upload-pack\n[push]\n\tdefault = current\n",
		r.at.origin(), r.at.binary(), r.at.binary(),
	)
	return r.code.write(".git/config", append(append(config, '\n'), ours...))
}

// servesOrigin runs git's own program for one side of a push or fetch. git hands it none of its configuration, so what it
// must know is said here: the files may be another user's, and the hook is ours whatever somebody configured.
func servesOrigin(program string) func(places, []string) error {
	return func(p places, arguments []string) error {
		git, err := exec.LookPath("git")
		if err != nil {
			return err
		}
		syscall.Umask(0)
		settings := [][2]string{
			{"safe.directory", "*"}, {"core.hooksPath", p.origin() + "/hooks"}, {"receive.autogc", "false"}, {"receive.denyDeletes", "true"},
		}
		environment := append(os.Environ(), fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)))
		for at, each := range settings {
			environment = append(environment, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", at, each[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", at, each[1]))
		}
		return syscall.Exec(git, append([]string{"git", program}, arguments...), environment)
	}
}
