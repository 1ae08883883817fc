package sessions

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// inspection is one look at a session's folder.
type inspection struct {
	store   *Store
	session engine.Session
	options CheckOptions
	now     time.Time

	findings []engine.Finding
	fixes    fix
	unnamed  []string        // folders of the inbox that no row names
	pruned   map[string]bool // folders of the inbox that retention removed
	litter   []string        // files that a crash of ours left
}

// fix is a set of repairs.
type fix int

const (
	fixWrite   fix = 1 << iota // a write, which rolls back and tidies
	fixUpgrade                 // missing tables and columns
	fixRows                    // values of messages_in that have one right form
	fixInbox                   // folders that no row names
	fixProject                 // destinations and routing
	fixAcks                    // acknowledgements
	fixGone                    // what a container that is gone left
	fixFiles                   // litter, the heartbeat, a missing outbox
	fixOwner                   // owner and mode
	fixOwn                     // rows of the engine's own tables that are about nothing
)

// found notes something that --repair mends.
func (c *inspection) found(f fix, file, format string, args ...any) {
	c.fixes |= f
	c.add(file, "engine doctor --repair mends it", format, args...)
}

// broken notes something that it does not.
func (c *inspection) broken(file, advice, format string, args ...any) {
	c.add(file, "cannot be repaired here: "+advice, format, args...)
}

func (c *inspection) add(file, advice, format string, args ...any) {
	f := engine.Finding{Session: c.session.ID, File: file, Problem: fmt.Sprintf(format, args...), Advice: advice}
	if len(c.findings) == maxFindings {
		f = engine.Finding{Session: c.session.ID, File: ".", Problem: "there is more than is listed here", Advice: "repair what is listed, then look again"}
	}
	if len(c.findings) <= maxFindings {
		c.findings = append(c.findings, f)
	}
}

func (s *Store) inspect(ctx context.Context, sess engine.Session, o CheckOptions) (c *inspection) {
	c = &inspection{store: s, session: sess, options: o, now: s.opts.Now()}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic while checking a session", "session", sess.ID, "panic", p, "stack", string(debug.Stack()))
			c.broken(".", "restore it from a backup", "a database of it cannot be read")
		}
	}()
	s.mu.Lock()
	left := len(s.left[sess.ID])
	s.mu.Unlock()
	if left > 0 {
		c.found(fixWrite, ".", "a crash fell into the middle of %d writes", left)
	}
	f, err := s.enter(sess)
	if err != nil {
		c.broken(".", restore, "%s", sentence(err))
		return c
	}
	defer f.close()
	boxes := c.files(f.dir)
	in, out := c.open(ctx, f, inboundName), c.open(ctx, f, outboundName)
	defer closeAll(in, out)
	c.databases(f.dir, in, out, boxes)
	return c
}

// databases looks at what can be opened: nil is a database that cannot.
func (c *inspection) databases(d *dir, in, out *sqlite3.Conn, boxes []string) {
	model, err := memoryDatabase(inboundSchema + outboundSchema)
	if err != nil {
		c.broken(".", "try again", "%s", sentence(fault("the check", err)))
		return
	}
	defer model.Close()
	if out != nil {
		readable := c.schema(model, out, outboundName, outboundTables)
		if readable["messages_out"] {
			c.replies(out)
		}
		if readable["processing_ack"] {
			c.claims(out)
		}
		if readable["container_state"] {
			c.containerState(out)
		}
	}
	if in == nil {
		return
	}
	readable := c.schema(model, in, inboundName, inboundTables)
	if readable["delivered"] {
		c.delivered(in)
	}
	if readable["messages_in"] && readable["delivered"] {
		c.own(model, in)
	}
	if readable["messages_in"] {
		if named, complete := c.messages(d, in, out); complete {
			c.leftovers(in, boxes, named)
		}
	}
	if c.options.Projection != nil && readable["destinations"] && readable["session_routing"] {
		c.projected(d, model, in)
	}
}

// open opens a database for reading and has SQLite check it; nil if it cannot
// be read.
func (c *inspection) open(ctx context.Context, f *folder, name string) *sqlite3.Conn {
	db, err := c.store.connect(ctx, f, name, readOnly)
	if err == nil {
		if err = fault(name, errors.Join(hotJournal(db), restrict(db))); err != nil {
			db.Close()
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, sqlite3.READONLY_ROLLBACK) && name == inboundName:
		c.found(fixWrite, name, "a crash left a journal that keeps the container from reading")
		return nil
	case errors.Is(err, sqlite3.READONLY_ROLLBACK) && c.gone():
		c.found(fixGone, name, "a killed container left a journal that keeps it from being read")
		return nil
	case errors.Is(err, sqlite3.READONLY_ROLLBACK):
		c.broken(name, "mark the container STOPPED once it is", "it has a journal: its container is writing, or was killed")
		return nil
	default:
		c.broken(name, restore, "%s", sentence(err))
		return nil
	}
	problems, err := texts(db, "PRAGMA integrity_check(10)")
	if err != nil {
		c.broken(name, restore, "it cannot be read to its end: %s", sentence(fault(name, err)))
	}
	for _, p := range problems {
		if p != "ok" {
			c.broken(name, restore, "it is damaged: %s", clip(p))
		}
	}
	return db
}

// gone reports that no container may be at the folder.
func (c *inspection) gone() bool { return c.session.ContainerStatus == engine.ContainerStopped }

func closeAll(conns ...*sqlite3.Conn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

// texts returns the first column of all rows.
func texts(c *sqlite3.Conn, sql string) (all []string, err error) {
	st, _, err := c.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	for st.Step() {
		all = append(all, st.ColumnText(0))
	}
	return all, st.Err()
}

// sentence is what a reader is told of an error.
func sentence(err error) string {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// clip keeps a hostile value from filling a finding.
func clip(s string) string {
	if len(s) > 80 {
		s = s[:77] + "..."
	}
	return s
}
