// Package lifecycle starts and ends the containers of sessions, as commands on
// this machine.
package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Config says which agent groups' containers are started, and how.
type Config struct {
	// MaxRunning bounds how many run at one time; 0 is 8.
	MaxRunning int `json:"maxRunning"`
	// AgentGroups are by id; "*" is for all that are not named. Those without
	// one are started elsewhere.
	AgentGroups map[string]Group `json:"agentGroups"`
}

// Group says how the containers of an agent group are started.
type Group struct {
	// Exec is a command; null: they are started elsewhere.
	Exec *Exec `json:"exec"`
	// IdleSeconds is after how long without anything to do one is stopped; 0 is
	// 600.
	IdleSeconds int `json:"idleSeconds"`
	// GraceSeconds is how long one has to end before it is killed; 0 is 10.
	GraceSeconds int `json:"graceSeconds"`
}

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

// ReadConfig reads a configuration in JSON, and refuses one with mistakes.
func ReadConfig(r io.Reader) (c Config, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return c, err
	}
	if len(text) > maxConfig {
		return c, fmt.Errorf("it has more than %d bytes", maxConfig)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, errors.New("there is more behind the configuration")
	}
	return c, c.check()
}

const maxConfig = 1 << 20

func (c Config) check() error {
	if c.MaxRunning < 0 || c.MaxRunning > 10_000 {
		return fmt.Errorf("maxRunning is %d; it must be 1 to 10000, or 0 for 8", c.MaxRunning)
	}
	for id, g := range c.AgentGroups {
		err := g.check()
		if id != everyGroup && !engine.SafeID(id) {
			err = errors.New("this is not an id")
		}
		if err != nil {
			return fmt.Errorf("agentGroups[%q]: %w", id, err)
		}
	}
	return nil
}

func (g Group) check() error {
	const week = 7 * 24 * 3600
	if g.IdleSeconds < 0 || g.IdleSeconds > week || g.GraceSeconds < 0 || g.GraceSeconds > 3600 {
		return fmt.Errorf("idleSeconds must be 0 to %d, graceSeconds 0 to 3600", week)
	}
	if g.Exec == nil {
		return nil
	}
	return g.Exec.check()
}

func (x *Exec) check() error {
	if len(x.Command) == 0 || x.Command[0] == "" {
		return errors.New("exec.command is empty")
	}
	if strings.Contains(x.Command[0], "/") && !filepath.IsAbs(x.Command[0]) {
		return fmt.Errorf("exec.command %q is relative: give its path from / or a name that is in PATH", x.Command[0])
	}
	for _, a := range x.Command {
		if strings.ContainsRune(a, 0) {
			return errors.New("exec.command has a NUL byte")
		}
	}
	for name, value := range x.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
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

const everyGroup = "*"

// group is the configuration of an agent group; one without Exec if there is none.
func (c *Config) group(id string) Group {
	if g, ok := c.AgentGroups[id]; ok {
		return g
	}
	return c.AgentGroups[everyGroup]
}

func (g Group) idle() time.Duration { return seconds(g.IdleSeconds, 600) }

func (g Group) grace() time.Duration { return seconds(g.GraceSeconds, 10) }

func seconds(n, otherwise int) time.Duration {
	if n == 0 {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

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
