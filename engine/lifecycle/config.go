// Package lifecycle starts and ends the containers of sessions: as commands on
// this machine, or by the command line of docker or podman.
package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	// Exec is a command, Docker a container; neither: they are started elsewhere.
	Exec   *Exec   `json:"exec"`
	Docker *Docker `json:"docker"`
	// IdleSeconds is after how long without anything to do one is stopped; 0 is
	// 600.
	IdleSeconds int `json:"idleSeconds"`
	// GraceSeconds is how long one has to end before it is killed; 0 is 10.
	GraceSeconds int `json:"graceSeconds"`
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
	switch {
	case g.Exec != nil && g.Docker != nil:
		return errors.New("there are exec and docker; one of them starts its containers")
	case g.Exec != nil:
		return g.Exec.check()
	case g.Docker != nil:
		return g.Docker.check()
	}
	return nil
}

const everyGroup = "*"

// group is the configuration of an agent group; the zero value if there is none.
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
