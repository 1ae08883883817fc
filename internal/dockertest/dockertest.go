// Package dockertest has what tests of containers need: the command lines that
// work here, and a tiny root with an agent in it.
package dockertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Names are the command lines that there are tests with.
var Names = [...]string{"podman", "stand-in"}

// CommandLine is a docker or podman.
type CommandLine struct {
	// Path is of a program in a directory of the test's.
	Path string
	// Real: its containers are such.
	Real  bool
	state string
}

// New returns the command line of a name. Where podman does not run, the test
// is skipped and says why.
func New(t testing.TB, name string) CommandLine {
	t.Helper()
	dir := t.TempDir()
	if name == "stand-in" {
		bin, err := standIn()
		must(t, err)
		c := CommandLine{Path: filepath.Join(dir, "docker"), state: t.TempDir()}
		must(t, os.WriteFile(c.Path, fmt.Appendf(nil, "#!/bin/sh\nSTANDIN_STATE='%s' exec '%s' \"$@\"\n", c.state, bin), 0o755))
		return c
	}
	script, err := podman()
	if err != nil {
		t.Skipf("podman does not run here, and the stand-in for it is tested alone: %v", err)
	}
	conf := filepath.Join(dir, "containers.conf")
	must(t, os.WriteFile(conf, []byte(limits), 0o644))
	c := CommandLine{Path: filepath.Join(dir, "podman"), Real: true}
	must(t, os.WriteFile(c.Path, fmt.Appendf(nil, script, conf), 0o755))
	return c
}

// Calls returns how a stand-in was called with a subcommand.
func (c CommandLine) Calls(t testing.TB, verb string) (calls [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.state, "calls"))
	must(t, err)
	for line := range bytes.Lines(text) {
		var call []string
		must(t, json.Unmarshal(line, &call))
		if call[0] == verb {
			calls = append(calls, call)
		}
	}
	return calls
}

// Containers returns the ids of all containers with a label, whether they run
// or not.
func (c CommandLine) Containers(t testing.TB, label string) []string {
	t.Helper()
	out, err := exec.Command(c.Path, "ps", "--all", "--filter", "label="+label, "--format", "{{.ID}}").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(string(out))
}

// Root makes the root of a container's file system: /agent, an empty /tmp, and copies of
// the programs given.
func Root(t testing.TB, programs ...string) string {
	t.Helper()
	bin, err := agent()
	must(t, err)
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "tmp"), 0o1777))
	for _, p := range append(programs, bin) {
		data, err := os.ReadFile(p)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(root, filepath.Base(p)), data, 0o755))
	}
	// The container's user comes by, and t.TempDir is the test's alone.
	must(t, os.Chmod(root, 0o755))
	return root
}

var (
	agent   = sync.OnceValues(func() (string, error) { return Build("agent", "internal/dockertest/testdata/agent") })
	standIn = sync.OnceValues(func() (string, error) { return Build("docker", "internal/dockertest/testdata/docker") })
	podman  = sync.OnceValues(findPodman)
)

// Build compiles a package of this module to a static binary, beside the running
// test's own, where "go test" removes it.
func Build(name, pkg string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	to := filepath.Join(filepath.Dir(self), name)
	cmd := exec.Command("go", "build", "-o", to, "github.com/twinbox/twinbox/"+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return to, nil
}

// limits: podman wants to raise these, and not everywhere it may.
const limits = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
`

// scripts run podman as it is, or where a second hierarchy of control groups
// is in crun's way, without that; with storage of its choice, or where there is no
// overlay on what lies below, without one.
var scripts = [...]string{
	"#!/bin/sh\nCONTAINERS_CONF='%s' exec '%s' \"$@\"\n",
	"#!/bin/sh\nCONTAINERS_CONF='%s' exec unshare -m sh -c 'umount /sys/fs/cgroup/unified && exec \"$0\" \"$@\"' '%s' \"$@\"\n",
	"#!/bin/sh\nSTORAGE_DRIVER=vfs CONTAINERS_CONF='%s' exec '%s' \"$@\"\n",
}

// findPodman returns the script that runs a container of podman's here; it
// lacks the path of its containers.conf.
func findPodman() (string, error) {
	program, err := exec.LookPath("podman")
	if err != nil {
		return "", err
	}
	bin, err := agent()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "podman")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	conf, path, root := filepath.Join(dir, "containers.conf"), filepath.Join(dir, "podman"), filepath.Join(dir, "root")
	data, err := os.ReadFile(bin)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(root, "agent"), data, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(conf, []byte(limits), 0o644); err != nil {
		return "", err
	}
	for _, script := range scripts {
		script = fmt.Sprintf(script, "%s", program)
		if err := os.WriteFile(path, fmt.Appendf(nil, script, conf), 0o755); err != nil {
			return "", err
		}
		out, rerr := exec.Command(path, "run", "--rm", "--network", "none", "--rootfs", root, "/agent", "echo").CombinedOutput()
		if err = rerr; err == nil {
			return script, nil
		}
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return "", err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
