// The sidecar is all that runs in a development pod beside the user's code: container `sync` takes commits in and lets
// visitors through to the command, container `app` supervises it (docs/decisions/0013).
package main

import (
	"errors"
	"fmt"
	"os"
)

// errRefused ends a command whose answer, on standard output, says already what is wrong.
var errRefused = errors.New("refused")

type command struct {
	name, purpose string
	run           func(places, []string) error
}

var commands = []command{
	{"serve", "main process of container sync: gate, health, ingress on loopback", serve},
	{"supervise", "PID 1 of container app: installs dependencies, runs the command", supervise},
	{"receive", "take a delivery from standard input: a line of JSON, then a git pack", receive},
	{"watch", "print state and installation output as they change, as lines of JSON", watch},
	{"state", "print the state once", printState},
	{"send", "print what was committed here as a line of JSON and a git pack", send},
	{"pushes", "print what `git push` in the terminal asks for, as lines of JSON", printPushes},
	{"answer", "tell the terminal what became of its push", answerPush},
	{"pre-receive", "git's hook in the terminal: ask for a push and wait for the answer", preReceive},
	{"receive-pack", "git's own, for the terminal's origin", servesOrigin("receive-pack")},
	{"upload-pack", "git's own, for the terminal's origin", servesOrigin("upload-pack")},
}

func main() {
	if len(os.Args) < 2 || os.Args[1] == "help" {
		fmt.Print(help())
		return
	}
	for _, each := range commands {
		if each.name == os.Args[1] {
			finish(each.run(fromEnvironment(), os.Args[2:]))
		}
	}
	finish(fmt.Errorf("there is no command %q; `sidecar help` lists them", os.Args[1]))
}

func finish(err error) {
	if err == nil {
		os.Exit(0)
	}
	if !errors.Is(err, errRefused) {
		fmt.Fprintln(os.Stderr, "sidecar:", err)
	}
	os.Exit(1)
}

func help() string {
	text := "sidecar COMMAND\n"
	for _, each := range commands {
		text += fmt.Sprintf("  %-12s %s\n", each.name, each.purpose)
	}
	return text + "Folders: CATALYST_CODE (/code), CATALYST_SHARED (/catalyst).\n"
}
