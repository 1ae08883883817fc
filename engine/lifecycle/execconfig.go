package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Exec is a command on this machine, whose working directory is the session's
// folder. It runs as the engine's user.
type Exec struct {
	// Command is the program and its arguments. A program without a slash is
	// looked up in PATH.
	Command []string `json:"command"`
	// Env are variables besides PATH, HOME, USER, LANG, TZ, TWINBOX_SESSION and
	// TWINBOX_WORKSPACE. The engine's other variables are not passed on.
	Env map[string]string `json:"env"`
	// TimeZone becomes TZ; "" is the engine's.
	TimeZone string `json:"timeZone"`
	// Limits of each process; 0 is none.
	MemoryBytes int64 `json:"memoryBytes"`
	CPUSeconds  int64 `json:"cpuSeconds"`
	OpenFiles   int64 `json:"openFiles"`
	FileBytes   int64 `json:"fileBytes"`
}

func (x *Exec) check() error {
	if len(x.Command) == 0 || x.Command[0] == "" {
		return errors.New("exec.command is empty")
	}
	if strings.Contains(x.Command[0], "/") && !filepath.IsAbs(x.Command[0]) {
		return fmt.Errorf("exec.command %q is relative: give its path from / or a name that is in PATH", x.Command[0])
	}
	if slices.ContainsFunc(x.Command, hasNUL) {
		return errors.New("exec.command has a NUL byte")
	}
	for name, value := range x.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || hasNUL(value) {
			return fmt.Errorf("exec.env: %q is not a variable's name, or its value has a NUL byte", name)
		}
	}
	if _, err := time.LoadLocation(x.TimeZone); err != nil {
		return fmt.Errorf("exec.timeZone: %w", err)
	}
	if x.MemoryBytes < 0 || x.CPUSeconds < 0 || x.OpenFiles < 0 || x.FileBytes < 0 {
		return errors.New("exec: a limit is negative")
	}
	return nil
}

func hasNUL(s string) bool { return strings.ContainsRune(s, 0) }

// environment is that of a session's command.
func (x *Exec) environment(s engine.Session, folder string) []string {
	env := []string{"TWINBOX_SESSION=" + s.ID, "TWINBOX_WORKSPACE=" + folder}
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if x.TimeZone != "" {
		env = append(env, "TZ="+x.TimeZone)
	}
	for name, value := range x.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// argv is the command behind a shell that sets its limits: they must hold
// before its first instruction.
func (x *Exec) argv() []string {
	limits := ""
	for _, l := range []struct {
		flag  string
		value int64
	}{{"v", (x.MemoryBytes + 1023) / 1024}, {"t", x.CPUSeconds}, {"n", x.OpenFiles}, {"f", (x.FileBytes + 511) / 512}} {
		if l.value > 0 {
			limits += fmt.Sprintf("ulimit -%s %d && ", l.flag, l.value)
		}
	}
	return append([]string{"/bin/sh", "-c", limits + `exec "$@"`, "sh"}, x.Command...)
}
