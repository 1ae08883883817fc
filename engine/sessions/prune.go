package sessions

import (
	"context"
	"errors"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// maxPruned bounds the folders of the inbox, and those of the outbox, that are
// removed at once: the mailbox is locked meanwhile.
const maxPruned = 1000

// inboxPath finds the folders of the inbox that a content names: it is compact
// JSON, and their names need no escapes.
var inboxPath = regexp.MustCompile(`"localPath":"` + inboxName + `/([^"/\\]+)/`)

// namesFiles holds for messages that name files in the inbox.
var namesFiles = `instr(` + column("content", maxValueBytes/2) + `, '"localPath":"inbox/')`

// prunables are the folders of the inbox and the outbox that may go.
type prunables struct {
	inbox, outbox map[string]bool
	next          *time.Time
	more          bool // others may go as well, the next time
}

func (p *prunables) later(t time.Time) {
	if p.next == nil || t.Before(*p.next) {
		p.next = &t
	}
}

// PruneFiles removes files that nobody waits for. See engine.Archives.
func (s *Store) PruneFiles(ctx context.Context, sess engine.Session, before time.Time, dry bool) (engine.Prunable, error) {
	var p prunables
	err := s.read(ctx, sess, func(m *mailbox) (err error) {
		p, err = m.prunable(before)
		return err
	})
	if err != nil {
		return engine.Prunable{}, err
	}
	outbox, err := s.present(sess, &p)
	if err == nil && len(outbox) > 0 {
		err = s.read(ctx, sess, func(m *mailbox) error { return m.prunableReplies(outbox, before, &p) })
	}
	if err != nil {
		return engine.Prunable{}, fault("the folder", err)
	}
	var done engine.Prunable
	if dry {
		var f *folder
		if f, err = s.enter(sess); err == nil {
			done, err = sweep(f.dir, p, false)
			f.close()
		}
	} else if len(p.inbox)+len(p.outbox) > 0 {
		// Nobody writes the mailbox meanwhile: a retry of an old message would
		// name its files again.
		if err = s.do(ctx, sess, func(in *inbox) error { return in.notePruned(p) }); err == nil {
			err = s.do(ctx, sess, func(in *inbox) (err error) {
				done, err = in.prune(p)
				return err
			})
		}
	}
	done.Next, done.More = p.next, p.more
	return done, fault("the folder", err)
}

// prunable finds the folders of the inbox that messages name which were
// completed before a time, and no other message.
func (m *mailbox) prunable(before time.Time) (p prunables, err error) {
	p.inbox = map[string]bool{}
	acks := m.acks()
	defer acks.close()
	st, _, err := m.inbound.Prepare("SELECT " + column("id", maxText) + ", " + column("status", maxText) + ", " + column("timestamp", maxText) + ", recurrence <> '', content FROM messages_in WHERE " + namesFiles + " ORDER BY seq")
	if err != nil {
		return p, err
	}
	defer st.Close()
	kept := map[string]bool{}
	for st.Step() {
		r := &row{st: st}
		old := r.or(1) == "completed" && !st.ColumnBool(3)
		if old {
			found, err := acks.look(r.or(0))
			if err != nil {
				return p, err
			}
			at := found.at(before)
			if t := r.time(2, "timestamp"); found.status == "" && t != nil {
				at = *t
			}
			if old = at.Before(before); !old {
				p.later(at)
			}
		} else {
			p.later(before) // it is looked at again
		}
		for _, found := range inboxPath.FindAllSubmatch(st.ColumnRawText(4), -1) {
			switch name := string(found[1]); {
			case !engine.SafeID(name): // a sender can write any path
			case old:
				p.inbox[name] = true
			default:
				kept[name] = true
			}
		}
	}
	for name := range kept {
		delete(p.inbox, name)
	}
	return p, st.Err()
}

// present drops the folders of the inbox that are not there: messages name
// those for ever that went long ago. It returns names that are in the outbox.
func (s *Store) present(sess engine.Session, p *prunables) (outbox []string, err error) {
	f, err := s.enter(sess)
	if err != nil {
		return nil, err
	}
	defer f.close()
	named := p.inbox
	p.inbox = map[string]bool{}
	inbox, complete, err := f.namesIn(inboxName, maxEntries)
	if err != nil {
		return nil, err
	}
	p.more = !complete
	for _, name := range inbox {
		if named[name] && len(p.inbox) < maxPruned {
			p.inbox[name] = true
		} else if named[name] {
			p.more = true
		}
	}
	outbox, _, err = f.namesIn(outboxName, maxPruned)
	return outbox, err
}

// namesIn lists a directory of the folder. What is no directory is the
// container's doing: nothing of it is to be removed.
func (f *folder) namesIn(name string, limit int) (names []string, complete bool, err error) {
	d, err := f.dir.sub(name)
	if err != nil {
		return nil, true, nil
	}
	defer d.close()
	return d.someNames(limit)
}

// prunableReplies finds folders of the outbox that stayed although their reply
// was delivered before a time.
func (m *mailbox) prunableReplies(names []string, before time.Time, p *prunables) error {
	p.outbox = map[string]bool{}
	for _, name := range names {
		var status string
		var at *time.Time
		_, err := queryOne(m.inbound, func(r *row) { status, at = r.or(0), r.time(1, "delivered_at") },
			`SELECT status, `+column("delivered_at", maxText)+` FROM delivered WHERE message_out_id = ?`, name)
		switch {
		case err != nil:
			return err
		case status == "delivered" && at != nil && at.Before(before):
			p.outbox[name] = true
		case status == "delivered" && at != nil:
			p.later(*at)
		default:
			p.later(before)
		}
	}
	return nil
}

// notePruned says of folders that they are missing on purpose, before they are.
func (in *inbox) notePruned(p prunables) error {
	if err := in.exec(prunedSchema); err != nil {
		return err
	}
	for name := range p.inbox {
		if err := in.exec(`INSERT OR REPLACE INTO engine_pruned (folder, pruned_at) VALUES (?, ?)`, name, in.store.opts.Now()); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what may go, unless it is named again by now.
func (in *inbox) prune(p prunables) (engine.Prunable, error) {
	st, err := in.prepare(`SELECT content FROM messages_in WHERE (status IS NULL OR status <> 'completed' OR recurrence <> '') AND ` + namesFiles)
	if err != nil {
		return engine.Prunable{}, err
	}
	for st.Step() {
		for _, found := range inboxPath.FindAllSubmatch(st.ColumnRawText(0), -1) {
			delete(p.inbox, string(found[1]))
		}
	}
	if err := errors.Join(st.Err(), st.Reset()); err != nil {
		return engine.Prunable{}, err
	}
	done, err := sweep(in.folder.dir, p, true)
	if err != nil {
		return done, err
	}
	has, err := in.hasTable("engine_usage")
	if err != nil || !has {
		return done, err
	}
	return done, in.exec(`UPDATE engine_usage SET bytes = max(bytes - ?, 0)`, done.Bytes)
}

// sweep counts what folders hold, and removes them if told to.
func sweep(d *dir, p prunables, remove bool) (done engine.Prunable, err error) {
	for box, names := range map[string]map[string]bool{inboxName: p.inbox, outboxName: p.outbox} {
		if len(names) == 0 {
			continue
		}
		b, err := d.sub(box)
		if err != nil {
			continue // the container's doing: nothing of it is to be removed
		}
		for name := range names {
			files, bytes, err := b.measure(name)
			if err == nil && remove {
				err = b.removeAll(name)
			}
			if err != nil && !errors.Is(err, unix.ENOENT) {
				b.close()
				return done, err
			}
			done.Files += files
			done.Bytes += bytes
		}
		b.close()
	}
	return done, nil
}

// measure counts the regular files in a directory, not in those within.
func (d *dir) measure(name string) (files int, bytes int64, err error) {
	sub, err := d.sub(name)
	if err != nil {
		return 0, 0, err
	}
	defer sub.close()
	names, _, err := sub.someNames(maxEntries)
	if err != nil {
		return 0, 0, err
	}
	for _, n := range names {
		if st, err := sub.stat(n); err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
			files++
			bytes += st.Size
		}
	}
	return files, bytes, nil
}
