package twinbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
	"github.com/twinbox/twinbox/engine/sessions"
)

// CheckOptions are for Check.
type CheckOptions struct {
	Options
	// Modes: what is in session folders must have the modes of Options.
	Modes bool
	// Repair what can be mended without a loss.
	Repair bool
}

// Check compares a data directory with what the protocol promises, and calls
// found with what is wrong. Like Open it needs the directory for itself, and
// fails with ErrLocked while an engine runs on it. Without Repair no session's
// folder is changed.
func Check(ctx context.Context, dataDir string, o CheckOptions, found func(engine.Finding)) (err error) {
	database := filepath.Join(dataDir, "engine.db")
	if _, err := os.Stat(database); err != nil {
		if _, ferr := os.Stat(filepath.Join(dataDir, "v2-sessions")); ferr != nil || !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is no data directory: %w", dataDir, err)
		}
		found(lost("it is missing, and with it the list of sessions"))
		return nil
	}
	c := &check{options: o, found: found}
	held, err := lock(dataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	if c.registry, err = registry.Open(ctx, database, registry.Options{Log: o.Log}); err != nil {
		if ctx.Err() != nil {
			return err
		}
		found(lost(err.Error()))
		return nil
	}
	defer func() { err = errors.Join(err, c.registry.Close()) }()
	if c.sessions, err = sessions.Open(dataDir, sessions.Options{Limits: o.Limits.OrDefaults(), DirMode: o.DirMode, FileMode: o.FileMode,
		UID: o.UID, GID: o.GID, Now: o.Now, Log: o.Log, Passive: true}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.sessions.Close()) }()
	return c.run(ctx)
}

func lost(problem string) engine.Finding {
	return engine.Finding{File: "engine.db", Problem: problem, Advice: "cannot be repaired here: put a backup in its place"}
}

type check struct {
	options  CheckOptions
	found    func(engine.Finding)
	registry *registry.Registry
	sessions *sessions.Store
}

func (c *check) run(ctx context.Context) error {
	problems, err := c.registry.Check(ctx)
	if err != nil {
		return err
	}
	for _, p := range problems {
		c.found(lost(p))
	}
	strays, err := c.sessions.CheckStrays(ctx, c.known(ctx), c.options.Repair)
	for _, f := range strays {
		c.found(f)
	}
	if err != nil {
		return err
	}
	for p := (engine.Page{Limit: engine.MaxPage}); ; {
		l, err := c.registry.Sessions(ctx, p, engine.SessionFilter{})
		if err != nil {
			return err
		}
		for _, s := range l.Items {
			if err := c.session(ctx, s); err != nil {
				return err
			}
		}
		if !l.HasNext {
			return nil
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
	}
}

// known asks the registry.
func (c *check) known(ctx context.Context) sessions.Known {
	found := func(err error) (bool, error) {
		if engine.CodeOf(err) == engine.CodeNotFound {
			return false, nil
		}
		return err == nil, err
	}
	return sessions.Known{
		Registered: func(agentGroupID, id string) (bool, error) {
			s, err := c.registry.Session(ctx, id)
			there, err := found(err)
			return there && s.AgentGroupID == agentGroupID, err
		},
		FolderLeft: func(agentGroupID, id string) (bool, error) {
			a, err := c.registry.ArchivedSession(ctx, id)
			there, err := found(err)
			return there && a.FolderLeft && a.AgentGroupID == agentGroupID, err
		},
	}
}

func (c *check) session(ctx context.Context, s engine.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := sessions.CheckOptions{Modes: c.options.Modes, Repair: c.options.Repair}
	if s.Status == engine.SessionActive { // closed ones are told of nothing any more
		p, err := engine.ProjectionOf(ctx, c.registry, s)
		if err != nil {
			return err
		}
		o.Projection = &p
	}
	for _, f := range c.sessions.Check(ctx, s, o) {
		c.found(f)
	}
	return nil
}
