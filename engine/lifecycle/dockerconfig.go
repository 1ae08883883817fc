package lifecycle

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Docker is a container that the command line of docker or podman runs, with
// the session's folder at /workspace. It has no capabilities, gains no
// privileges, and has no network unless it is given one.
type Docker struct {
	// CLI is docker, podman, another program's name in PATH, or a path; "" is
	// the one of these two that is there, docker first.
	CLI string `json:"cli"`
	// Image, or Rootfs (podman alone): the absolute path of a directory.
	Image  string `json:"image"`
	Rootfs string `json:"rootfs"`
	// Command is the program and its arguments; empty is the image's own.
	Command []string `json:"command"`
	// User is UID, UID:GID or a name; "" is the image's.
	User string `json:"user"`
	// Env are variables besides TWINBOX_SESSION, TWINBOX_WORKSPACE and TZ.
	Env map[string]string `json:"env"`
	// TimeZone becomes TZ; "" is the engine's TZ, if it has one.
	TimeZone string `json:"timeZone"`
	// MemoryBytes and CPUs (1.5 is one and a half) are limits of the whole
	// container; 0 is none.
	MemoryBytes int64   `json:"memoryBytes"`
	CPUs        float64 `json:"cpus"`
	// Processes is how many it may have at one time; 0 is 1024, -1 leaves that
	// to the command line.
	Processes int64 `json:"processes"`
	// Network is as in "docker run --network"; "" is none.
	Network string `json:"network"`
	// ReadOnly makes its root read-only, and /tmp a file system of its own.
	ReadOnly bool `json:"readOnly"`
	// Mounts are besides /workspace.
	Mounts []Mount `json:"mounts"`
	// Options are further ones of "docker create", behind all others.
	Options []string `json:"options"`
	// DataDir is the engine's data directory as the daemon finds it, where that
	// is elsewhere; "" is as the engine does.
	DataDir string `json:"dataDir"`
}

// Mount is a file or directory of this machine within the container.
type Mount struct {
	Source   string `json:"source"` // absolute
	Target   string `json:"target"` // absolute, in the container
	ReadOnly bool   `json:"readOnly"`
}

const workspace = "/workspace"

// A variable's value is a line of a file, which its readers bound.
const maxValue = 32 << 10

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (d *Docker) check() error {
	switch {
	case (d.Image == "") == (d.Rootfs == ""):
		return errors.New("docker: give either image or rootfs")
	case strings.HasPrefix(d.Image, "-") || hasNUL(d.Image):
		return fmt.Errorf("docker.image %q is not an image's name", d.Image)
	case d.Rootfs != "" && len(d.Command) == 0:
		return errors.New("docker.rootfs needs a docker.command: there is no image that has one")
	case strings.Contains(d.CLI, "/") && !filepath.IsAbs(d.CLI):
		return fmt.Errorf("docker.cli %q is relative: give its path from / or a name that is in PATH", d.CLI)
	case d.MemoryBytes < 0 || d.CPUs < 0 || d.Processes < -1:
		return errors.New("docker: a limit is negative")
	case slices.ContainsFunc(d.Command, hasNUL), slices.ContainsFunc(d.Options, hasNUL), hasNUL(d.User + d.Network + d.CLI):
		return errors.New("docker: there is a NUL byte")
	}
	for name, value := range d.Env {
		if !variable.MatchString(name) || strings.ContainsAny(value, "\x00\r\n") || len(value) > maxValue {
			return fmt.Errorf("docker.env: %q is not a variable's name, or its value has a line break or more than %d bytes", name, maxValue)
		}
	}
	if _, err := time.LoadLocation(d.TimeZone); err != nil {
		return fmt.Errorf("docker.timeZone: %w", err)
	}
	return d.checkPaths()
}

func (d *Docker) checkPaths() error {
	paths := []string{cmp.Or(d.Rootfs, "/"), cmp.Or(d.DataDir, "/")}
	for _, m := range d.Mounts {
		if path.Clean(m.Target) == workspace || path.Clean(m.Target) == "/" {
			return fmt.Errorf("docker.mounts: %s is not free", m.Target)
		}
		paths = append(paths, m.Source, m.Target)
	}
	for _, p := range paths {
		if !filepath.IsAbs(p) || !mountable(p) {
			return fmt.Errorf("docker: %q is not an absolute path without commas, quotes and control characters", p)
		}
	}
	return nil
}

// mountable: --mount is a line of comma-separated values.
func mountable(p string) bool {
	return !strings.ContainsFunc(p, func(r rune) bool { return r == ',' || r == '"' || r < ' ' || r == 0x7f })
}

// program is the path of the command line.
func (d *Docker) program() (string, error) {
	switch {
	case d.CLI != "":
		return exec.LookPath(d.CLI)
	case d.Rootfs != "":
		return exec.LookPath("podman")
	}
	p, err := exec.LookPath("docker")
	if err != nil {
		if p, err = exec.LookPath("podman"); err != nil {
			err = errors.New("neither docker nor podman is in PATH")
		}
	}
	return p, err
}

// arguments are those of "create" for a session's container, from its name on.
func (d *Docker) arguments(program, name, envFile, folder string, labels []string) []string {
	bind := func(m Mount) string {
		v := "type=bind,source=" + m.Source + ",target=" + m.Target
		if m.ReadOnly {
			v += ",readonly"
		}
		return v
	}
	args := []string{"--name", name, "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", cmp.Or(d.Network, "none"),
		// What an agent prints must not fill the disk.
		"--log-driver", "json-file", "--log-opt", "max-size=16mb",
		"--env-file", envFile, "--mount", bind(Mount{Source: folder, Target: workspace})}
	for _, l := range labels {
		args = append(args, "--label", l)
	}
	for _, m := range d.Mounts {
		args = append(args, "--mount", bind(m))
	}
	if d.User != "" {
		args = append(args, "--user", d.User)
	}
	if d.MemoryBytes > 0 {
		args = append(args, "--memory", strconv.FormatInt(d.MemoryBytes, 10)+"b")
	}
	if d.CPUs > 0 {
		args = append(args, "--cpus", strconv.FormatFloat(d.CPUs, 'f', -1, 64))
	}
	if d.Processes >= 0 {
		args = append(args, "--pids-limit", strconv.FormatInt(cmp.Or(d.Processes, 1024), 10))
	}
	if d.ReadOnly {
		args = append(args, "--read-only", "--tmpfs", "/tmp")
	}
	if strings.Contains(filepath.Base(program), "podman") {
		// Else it passes the engine's on, and what is in them to log in.
		args = append(args, "--http-proxy=false")
	}
	args = append(args, d.Options...)
	if d.Rootfs != "" {
		args = append(args, "--rootfs", d.Rootfs)
	} else {
		args = append(args, d.Image)
	}
	return append(args, d.Command...)
}

// environment is a session's container's, a variable a line.
func (d *Docker) environment(s engine.Session) string {
	env := map[string]string{"TWINBOX_SESSION": s.ID, "TWINBOX_WORKSPACE": workspace}
	if zone := cmp.Or(d.TimeZone, os.Getenv("TZ")); zone != "" && !strings.ContainsAny(zone, "\r\n") {
		env["TZ"] = zone
	}
	maps.Copy(env, d.Env)
	var b strings.Builder
	for name, value := range env {
		b.WriteString(name + "=" + value + "\n")
	}
	return b.String()
}
