package sessions

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// CheckStrays looks at what belongs to no session: folders that nobody
// registered, uploads that nobody attached, notes of writes to sessions that
// do not exist, what archiving left. With repair it removes those of them that
// hold nothing, or nothing that is not elsewhere.
func (s *Store) CheckStrays(ctx context.Context, known Known, repair bool) ([]engine.Finding, error) {
	c := &strays{store: s, known: known, repair: repair}
	if err := c.folders(ctx); err != nil {
		return nil, err
	}
	if err := c.uploads(); err != nil {
		return nil, err
	}
	if err := c.archives(ctx); err != nil {
		return nil, err
	}
	return c.findings, c.intents()
}

// Known is what the registry says of sessions.
type Known struct {
	// Registered tells whether a session is in it, in that agent group.
	Registered func(agentGroupID, id string) (bool, error)
	// FolderLeft tells whether a session is archived, and its folder is known to
	// be needed no more.
	FolderLeft func(agentGroupID, id string) (bool, error)
}

type strays struct {
	store    *Store
	known    Known
	repair   bool
	findings []engine.Finding
}

// found notes something that mend removes, and has it removed where repairs
// are asked for.
func (c *strays) found(file, problem string, mend func() error) {
	f := engine.Finding{File: file, Problem: problem, Advice: "engine doctor --repair removes it"}
	if c.repair {
		if err := mend(); err != nil {
			f.Advice = "could not be removed: " + err.Error()
		} else {
			f.Repaired = true
		}
	}
	c.findings = append(c.findings, f)
}

func (c *strays) broken(file, advice, problem string) {
	c.findings = append(c.findings, engine.Finding{File: file, Problem: problem, Advice: "cannot be repaired here: " + advice})
}

func (c *strays) folders(ctx context.Context) error {
	groups, err := c.store.sessions.names()
	if err != nil {
		return err
	}
	for _, name := range groups {
		group, err := c.store.sessions.sub(name)
		switch {
		case err != nil && engine.SafeID(name):
			c.broken("v2-sessions/"+name, "remove it", "it is not a directory of its own")
			continue
		case err != nil:
			continue
		}
		names, err := group.names()
		if err == nil {
			for _, n := range names {
				if strings.HasPrefix(n, engine.SessionIDPrefix) && err == nil {
					err = c.folder(ctx, group, name, n)
				}
			}
		}
		group.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *strays) folder(ctx context.Context, group *dir, groupName, name string) error {
	file := "v2-sessions/" + groupName + "/" + name
	if engine.SafeID(groupName) && engine.SafeID(name) {
		known, err := c.known.Registered(groupName, name)
		if err != nil || known {
			return err
		}
		left, err := c.known.FolderLeft(groupName, name)
		if err != nil {
			return err
		}
		if left {
			c.found(file, "its session is archived: a crash left the folder", func() error { return group.removeDurably(name) })
			return nil
		}
		if c.store.empty(ctx, engine.Session{ID: name, AgentGroupID: groupName}) {
			c.found(file, "it is a session's folder that is not registered and holds nothing: a crash left it", func() error { return group.removeAll(name) })
			return nil
		}
	}
	c.broken(file, "remove it if nobody needs what it holds, or move it elsewhere", "it is a session's folder that is not registered")
	return nil
}

// empty reports that a folder surely holds no message, no reply and no file.
func (s *Store) empty(ctx context.Context, sess engine.Session) bool {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	f, err := s.enter(sess)
	if err != nil {
		return false
	}
	defer f.close()
	// A container works in its folder: what is not of the protocol is its work.
	ours := []string{inboundName, outboundName, inboxName, outboxName, heartbeatName, destinationsName, destinationsName + newSuffix}
	names, complete, err := f.dir.someNames(len(ours) + 1)
	if err != nil || !complete || slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(ours, n) }) {
		return false
	}
	for _, name := range []string{inboxName, outboxName} {
		box, err := f.dir.sub(name)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return false
		}
		names, complete, err := box.someNames(1)
		box.close()
		if err != nil || !complete || len(names) > 0 {
			return false
		}
	}
	return (s.noRows(ctx, f, inboundName, "messages_in") || zeros(f.dir, inboundName)) &&
		(s.noRows(ctx, f, outboundName, "messages_out") || zeros(f.dir, outboundName))
}

// zeros tells a file as a power loss leaves it that was never synced: as long
// as it was to be, and without its bytes.
func zeros(d *dir, name string) bool {
	f, err := d.open(name, unix.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxZeros+1))
	return err == nil && len(b) <= maxZeros && len(bytes.Trim(b, "\x00")) == 0
}

// maxZeros is more than a new database has, in bytes.
const maxZeros = 1 << 20

func (s *Store) noRows(ctx context.Context, f *folder, name, table string) bool {
	db, err := s.connect(ctx, f, name, readOnly)
	if err != nil {
		return errors.Is(err, unix.ENOENT)
	}
	defer db.Close()
	tables, err := texts(db, `SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view')`)
	if err != nil || len(tables) == 0 {
		return err == nil
	}
	found, err := queryOne(db, func(*row) {}, "SELECT 1, 1 FROM "+table+" LIMIT 1")
	return err == nil && !found
}

func (c *strays) uploads() error {
	names, err := c.store.uploads.names()
	if err != nil {
		return err
	}
	before := c.store.opts.Now().Add(-c.store.opts.Limits.UploadAge)
	for _, name := range names {
		st, err := c.store.uploads.stat(name)
		remove := func() error { return c.store.uploads.removeAll(name) }
		switch {
		case err != nil: // gone meanwhile
		case st.Mode&unix.S_IFMT != unix.S_IFREG:
			c.broken("uploads/"+name, "remove it", "it is not a regular file")
		case st.Nlink > 1 && c.store.hasLeft(""):
			// The attempt that a crash cut short gives it back when it is tidied.
		case st.Nlink > 1:
			c.found("uploads/"+name, "it is attached to a message already: a crash left it", remove)
		case time.Unix(st.Mtim.Unix()).Before(before):
			c.found("uploads/"+name, "nobody attached it in time", remove)
		}
	}
	return nil
}

// intents that name sessions which are not registered would be looked at by
// every start.
func (c *strays) intents() error {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for id, left := range c.store.left {
		known, err := c.known.Registered(left[0].AgentGroup, id)
		if err != nil {
			return err
		}
		if known {
			continue // Check tidies them
		}
		c.found(intentsName, "it names a write to session "+id+", which is not registered", func() error {
			for _, l := range left {
				l.end()
			}
			delete(c.store.left, id)
			return nil
		})
	}
	return nil
}
