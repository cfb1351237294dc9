package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const cgroups = "/sys/fs/cgroup"

// outOfMemoryKills counts the processes that the kernel killed in our cgroup for want of memory (Linux'
// admin-guide/cgroup-v2, memory.events; cgroup-v1/memory, memory.oom_control); 0 where it can't be told.
func outOfMemoryKills() int {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	for _, file := range countersOf(string(own)) {
		if content, err := os.ReadFile(file); err == nil {
			return killsIn(string(content))
		}
	}
	return 0
}

// countersOf a line like `4:memory:/kubepods/x` or `0::/x`. In a container the own cgroup is often all of the tree that
// is mounted, so its root comes second.
func countersOf(own string) []string {
	var files []string
	for _, line := range strings.Split(own, "\n") {
		parts := strings.SplitN(line, ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "memory":
			root := filepath.Join(cgroups, "memory")
			files = append(files, filepath.Join(root, parts[2], "memory.oom_control"), filepath.Join(root, "memory.oom_control"))
		case parts[1] == "":
			files = append(files, filepath.Join(cgroups, parts[2], "memory.events"), filepath.Join(cgroups, "memory.events"))
		}
	}
	return files
}

func killsIn(content string) int {
	for _, line := range strings.Split(content, "\n") {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			number, _ := strconv.Atoi(strings.TrimSpace(count))
			return number
		}
	}
	return 0
}
