package sessions

import (
	"context"
	"slices"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	// checkTime bounds the look at one session, whatever a container made of it.
	checkTime = time.Minute
	// maxFindings bounds what is said of one session.
	maxFindings = 100
	// maxRepairs bounds the repairs of one session.
	maxRepairs = 3
	// restore is what is left to do where a database is lost.
	restore = "restore it from a backup, or close the session"
)

// CheckOptions say what Check compares with, and whether it mends.
type CheckOptions struct {
	// Projection is what the folder is to say of the world; nil is not compared.
	Projection *engine.Projection
	// Modes: files and directories must have the modes of the store's options.
	Modes bool
	// Repair what can be mended without a loss. The finding says so.
	Repair bool
}

// Check compares a session's folder with what the protocol promises. Nobody
// may be writing the folder but its container.
func (s *Store) Check(ctx context.Context, sess engine.Session, o CheckOptions) []engine.Finding {
	c := s.inspect(ctx, sess, o)
	seen := c.findings
	// A repair may uncover what needs another: a table that was missing.
	for pass := 0; o.Repair && c.fixes != 0 && pass < maxRepairs; pass++ {
		err := c.repair(ctx)
		c = s.inspect(ctx, sess, o)
		if err != nil {
			c.fixes = 0
			c.broken(".", "see to what it says, then repair again", "a repair failed: %s", sentence(err))
		}
		seen = merge(seen, c.findings)
	}
	return seen
}

// merge marks as repaired what was found before a repair and not after it.
func merge(before, after []engine.Finding) []engine.Finding {
	var all []engine.Finding
	for _, f := range before {
		if !slices.Contains(after, f) {
			f.Repaired = true
			all = append(all, f)
		}
	}
	return append(all, after...)
}
