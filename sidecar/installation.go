package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// stampFile tells what the installed dependencies were installed from.
const stampFile = lasting + "/installed"

// isInstallDue says whether what is installed came from other inputs than these; `stamp` is to be kept once it is done.
func isInstallDue(p places, w *wanted) (isDue bool, stamp string) {
	if w.Install == nil {
		return false, ""
	}
	stamp = stampOf(p, w)
	before, err := readSmall(filepath.Join(p.code, stampFile))
	return err != nil || strings.TrimSpace(string(before)) != stamp, stamp
}

// stampOf tells a missing input from an empty one, and where one ends from where the next begins.
func stampOf(p places, w *wanted) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q\n", *w.Install, w.Workdir)
	for _, input := range w.InstallInputs {
		fmt.Fprintf(sum, "%q %s\n", input, contentSum(filepath.Join(p.code, input)))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func contentSum(path string) string {
	about, err := os.Stat(path)
	if err != nil || !about.Mode().IsRegular() {
		return "missing"
	}
	file, err := os.Open(path)
	if err != nil {
		return "missing"
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "missing"
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// forgetInstall comes before an installation, so that one that was cut off is done again.
func forgetInstall(p places) {
	os.Remove(filepath.Join(p.code, stampFile))
}

// keepStamp may fail where the volume is full: dependencies are then installed again for the next commit.
func keepStamp(p places, stamp string) error {
	file := filepath.Join(p.code, stampFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(stamp+"\n"), forEverybody)
}
