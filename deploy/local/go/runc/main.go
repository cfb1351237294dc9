// runc for builds: hands to every RUN step what this host needs to fetch code (a private authority's bundle, package
// mirrors, the names by which some tools look for a proxy), so that `npm ci` and `pip install` work in Dockerfiles that
// know nothing of it, and leaves nothing of it in the image.
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
	// NAME=VALUE with spaces between them: of package mirrors.
	mirrorsVariable = "CATALYST_STEP_VARIABLES"
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

// proxies by which tools look that don't know the usual variables, each as the usual one says.
var proxies = map[string]string{
	"YARN_HTTP_PROXY": "HTTP_PROXY", "YARN_HTTPS_PROXY": "HTTPS_PROXY",
}

func main() {
	if err := prepare(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "what the host needs to fetch code can't be handed to the build step:", err)
		os.Exit(1)
	}
	runc := os.Getenv(runcVariable)
	err := syscall.Exec(runc, append([]string{runc}, os.Args[1:]...), os.Environ())
	fmt.Fprintf(os.Stderr, "%s (%s) can't be started: %v\n", runcVariable, runc, err)
	os.Exit(1)
}

// prepare adds the bundle to the container that these arguments start, if they start one.
func prepare(arguments []string) error {
	if !slices.ContainsFunc(arguments, func(word string) bool { return word == "run" || word == "create" }) {
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
	if bundle := os.Getenv(bundleVariable); bundle != "" {
		addMount(container, bundle)
		addVariables(container, variables, inside)
	}
	for _, mirror := range strings.Fields(os.Getenv(mirrorsVariable)) {
		name, value, _ := strings.Cut(mirror, "=")
		addVariables(container, []string{name}, value)
	}
	for name, usual := range proxies {
		if url := variable(container, usual); url != "" {
			addVariables(container, []string{name}, url)
			addVariables(container, []string{"NODE_USE_ENV_PROXY"}, "1")
		}
	}
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
func addVariables(container document, names []string, value string) {
	process, _ := container["process"].(document)
	environment, _ := process["env"].([]any)
	for _, name := range names {
		if !isSet(environment, name) {
			environment = append(environment, name+"="+value)
		}
	}
	process["env"] = environment
}

// variable says what the step has it set to; empty when it hasn't.
func variable(container document, name string) string {
	process, _ := container["process"].(document)
	environment, _ := process["env"].([]any)
	for _, entry := range environment {
		if value, found := strings.CutPrefix(fmt.Sprint(entry), name+"="); found {
			return value
		}
	}
	return ""
}

func isSet(environment []any, name string) bool {
	return slices.ContainsFunc(environment, func(entry any) bool {
		return strings.HasPrefix(fmt.Sprint(entry), name+"=")
	})
}
