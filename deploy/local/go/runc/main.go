// runc for builds behind a private certificate authority: hands the host's bundle to every RUN step, so that `npm ci`
// and `pip install` work in Dockerfiles that know nothing of it, and leaves nothing of it in the image.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const (
	runcVariable   = "CATALYST_RUNC"
	bundleVariable = "CATALYST_CA_BUNDLE"
	// Below /dev, which is a step's own tmpfs: a mount point anywhere else would stay in the layer as an empty file,
	// and one over /etc/ssl/certs would break `apt-get install ca-certificates`.
	inside = "/dev/catalyst/ca-certificates.crt"
)

// variables by which the usual clients are told of a bundle.
var variables = []string{
	"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
	"CARGO_HTTP_CAINFO", "DENO_CERT", "BUNDLE_SSL_CA_CERT", "NIX_SSL_CERT_FILE",
}

type document = map[string]any

func main() {
	if err := prepare(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "the host's certificates can't be handed to the build step:", err)
		os.Exit(1)
	}
	runc := os.Getenv(runcVariable)
	err := syscall.Exec(runc, append([]string{runc}, os.Args[1:]...), os.Environ())
	fmt.Fprintf(os.Stderr, "%s (%s) can't be started: %v\n", runcVariable, runc, err)
	os.Exit(1)
}

// prepare adds the bundle to the container that these arguments start, if they start one.
func prepare(arguments []string) error {
	bundle := os.Getenv(bundleVariable)
	if bundle == "" || !slices.ContainsFunc(arguments, func(word string) bool { return word == "run" || word == "create" }) {
		return nil
	}
	at := slices.Index(arguments, "--bundle")
	if at < 0 || at+1 == len(arguments) {
		return fmt.Errorf("no --bundle in %q", arguments)
	}
	file := filepath.Join(arguments[at+1], "config.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var container document
	if err := json.Unmarshal(text, &container); err != nil {
		return err
	}
	addMount(container, bundle)
	addVariables(container)
	if text, err = json.Marshal(container); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func addMount(container document, bundle string) {
	mounts, _ := container["mounts"].([]any)
	container["mounts"] = append(mounts, document{
		"destination": inside, "type": "bind", "source": bundle, "options": []string{"bind", "ro", "nosuid", "nodev"},
	})
}

// addVariables leaves those alone that the Dockerfile sets.
func addVariables(container document) {
	process, _ := container["process"].(document)
	environment, _ := process["env"].([]any)
	for _, name := range variables {
		isSet := slices.ContainsFunc(environment, func(entry any) bool {
			return strings.HasPrefix(fmt.Sprint(entry), name+"=")
		})
		if !isSet {
			environment = append(environment, name+"="+inside)
		}
	}
	process["env"] = environment
}
