package sessions

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// Where replies stand on their way out, and up to which row of messages_out
// they were noted. A reply that was delivered at the first attempt is in
// delivered alone. Times are milliseconds since 1970.
const (
	outboxSchema = `CREATE TABLE IF NOT EXISTS box.engine_outbox (
		n INTEGER PRIMARY KEY, message_out_id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, way TEXT NOT NULL, state TEXT NOT NULL,
		settled INTEGER NOT NULL, due_at INTEGER, attempts INTEGER NOT NULL, uncertain INTEGER NOT NULL,
		lease_until INTEGER, lease_owner TEXT NOT NULL, last_error TEXT, content TEXT, seal BLOB)`
	outboxIndex = `CREATE INDEX IF NOT EXISTS box.engine_outbox_open ON engine_outbox (way, seq, n) WHERE settled = 0`
	markSchema  = `CREATE TABLE IF NOT EXISTS box.engine_outbox_mark (id INTEGER PRIMARY KEY CHECK (id = 1), out_rowid INTEGER NOT NULL, reply_id TEXT NOT NULL)`

	dispatchColumns = `way, state, due_at, attempts, uncertain, lease_until, lease_owner, last_error, content, seal`
)

const (
	// noteReplies and noteRows bound what one look takes: replies that are new,
	// and rows that are gone through to find them.
	noteReplies = 256
	noteRows    = 20_000
	// openDispatches bounds those that are looked at to find the next one of a
	// way, and openWays the ways: what piles up on one holds up no other.
	openDispatches = 1024
	openWays       = 64
	// lastSeq is the place of a reply without a valid seq.
	lastSeq = math.MaxInt64
)

func (m *mailbox) newReplies(sess engine.Session, maxBytes int64) (n engine.NewReplies, err error) {
	if has, err := m.hasReplies(); err != nil || !has {
		return n, err
	}
	noted, err := hasTable(m.inbound, "engine_outbox")
	if err != nil {
		return n, err
	}
	from := int64(math.MinInt64)
	if noted {
		if from, err = m.mark(); err != nil {
			return n, err
		}
	}
	known, err := m.known(noted)
	if err != nil {
		return n, err
	}
	defer known.Close()
	return m.repliesBehind(sess, from, known, maxBytes)
}

// repliesBehind reads the replies behind a row, without those that are known
// if that is not nil.
func (m *mailbox) repliesBehind(sess engine.Session, from int64, known *sqlite3.Stmt, maxBytes int64) (n engine.NewReplies, err error) {
	st, _, err := m.outbound.Prepare("SELECT seq, rowid, " + replyColumns + " FROM messages_out WHERE rowid > ? ORDER BY rowid LIMIT ?")
	if err != nil {
		return n, err
	}
	defer st.Close()
	if err := bind(st, []any{from, int64(noteRows)}); err != nil {
		return n, err
	}
	rows, size := 0, int64(0)
	for ; st.Step(); rows++ {
		out := engine.Outgoing{Reply: scanReply(&row{st: st}, sess)}
		if rowid := st.ColumnInt64(1); rowid < math.MaxInt64 {
			// Behind that one no row can be, so those that come later are before.
			n.Mark = engine.OutboundMark{RowID: rowid, ReplyID: out.ID, Moved: true}
		}
		if st.ColumnType(2) == sqlite3.NULL {
			continue // without an id it can be neither delivered nor failed
		}
		if known != nil {
			if found, err := knows(known, out.ID); err != nil {
				return n, err
			} else if found {
				continue
			}
		}
		if st.ColumnType(6) == sqlite3.NULL {
			out.Dispatch.State = engine.DispatchFailed
			out.Dispatch.LastError = new("its content is missing or too long")
		}
		size += int64(len(out.Content))
		n.Replies = append(n.Replies, out)
		if n.More = len(n.Replies) == noteReplies || size > maxBytes; n.More {
			break
		}
	}
	n.More = n.More || rows == noteRows
	return n, st.Err()
}

// mark is the rowid behind which new replies are. Where the row that was last
// noted is not there any more, the container has made a new file, or pruned
// it: then all are gone through, of which most are known.
func (m *mailbox) mark() (from int64, err error) {
	from = math.MinInt64
	var id string
	found, err := queryOne(m.inbound, func(r *row) { from, id = r.integer(0, "out_rowid", math.MinInt64), r.must(1, "reply_id") },
		"SELECT out_rowid, "+column("reply_id", maxText)+" FROM engine_outbox_mark WHERE id = 1")
	if err != nil || !found {
		return math.MinInt64, err
	}
	same := false
	_, err = queryOne(m.outbound, func(r *row) { same = r.must(0, "id") == id }, "SELECT "+column("id", maxText)+" FROM messages_out WHERE rowid = ?", from)
	if err != nil || !same {
		return math.MinInt64, err
	}
	last, err := queryOne(m.outbound, func(*row) {}, "SELECT 1 FROM messages_out WHERE rowid = ?", int64(math.MaxInt64))
	if err != nil || last {
		return math.MinInt64, err // SQLite gives rows any number from here on
	}
	return from, nil
}

func (m *mailbox) known(noted bool) (*sqlite3.Stmt, error) {
	sql := settledSQL
	if noted {
		sql = knownSQL
	}
	st, _, err := m.inbound.Prepare(sql)
	return st, err
}

const (
	settledSQL = "SELECT 1 FROM delivered WHERE message_out_id = ?1"
	knownSQL   = settledSQL + " UNION ALL SELECT 1 FROM engine_outbox WHERE message_out_id = ?1"
)

func knows(st *sqlite3.Stmt, id string) (found bool, err error) {
	if err := st.BindText(1, id); err != nil {
		return false, err
	}
	found = st.Step()
	return found, errors.Join(st.Err(), st.Reset())
}

// OpenDispatches lists what is not settled. See engine.Outboxes.
func (s *Store) OpenDispatches(ctx context.Context, sess engine.Session) (open []engine.Outgoing, err error) {
	err = s.read(ctx, sess, func(m *mailbox) error {
		if has, err := hasTable(m.inbound, "engine_outbox"); err != nil || !has {
			return err
		}
		way := ""
		for range openWays {
			var next *string
			_, err := queryOne(m.inbound, func(r *row) { next = r.text(0) }, `SELECT min(way) FROM engine_outbox WHERE settled = 0 AND way > ?`, way)
			if err != nil || next == nil {
				return err
			}
			way = *next
			if open, err = m.openDispatches(sess, way, open); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortStableFunc(open, func(a, b engine.Outgoing) int { return cmp.Compare(*a.Seq, *b.Seq) })
	return open, err
}

// openDispatches appends those of one way.
func (m *mailbox) openDispatches(sess engine.Session, way string, open []engine.Outgoing) ([]engine.Outgoing, error) {
	st, _, err := m.inbound.Prepare("SELECT " + dispatchColumns + ", " + column("message_out_id", maxText) +
		", seq FROM engine_outbox WHERE settled = 0 AND way = ? ORDER BY seq, n LIMIT ?")
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if err := bind(st, []any{way, int64(openDispatches)}); err != nil {
		return nil, err
	}
	for st.Step() {
		out := engine.Outgoing{Reply: engine.Reply{SessionID: sess.ID, ID: st.ColumnText(10), Seq: new(st.ColumnInt64(11))}}
		scanDispatch(st, &out.Dispatch, false)
		open = append(open, out)
	}
	return open, st.Err()
}

// Outgoing reads one reply. See engine.Outboxes.
func (s *Store) Outgoing(ctx context.Context, sess engine.Session, id string) (out engine.Outgoing, err error) {
	err = s.read(ctx, sess, func(m *mailbox) error {
		if out.Reply, err = m.reply(sess, id, s.opts.Now()); err != nil {
			return err
		}
		if has, err := hasTable(m.inbound, "engine_outbox"); err != nil || !has {
			return err
		}
		_, err := queryOne(m.inbound, func(r *row) { scanDispatch(r.st, &out.Dispatch, true) },
			"SELECT "+dispatchColumns+" FROM engine_outbox WHERE message_out_id = ?", id)
		return err
	})
	return out, err
}

func scanDispatch(st *sqlite3.Stmt, d *engine.Dispatch, content bool) {
	r := &row{st: st}
	d.Way, d.State = r.short(0), engine.DispatchState(r.short(1))
	d.DueAt = r.millis(2)
	d.Attempts = int(min(max(r.integer(3, "attempts", 0), 0), math.MaxInt32-1))
	d.Uncertain = r.integer(4, "uncertain", 0) != 0
	d.LeaseUntil, d.LeaseOwner = r.millis(5), r.short(6)
	if e := r.text(7); e != nil {
		d.LastError = new(r.short(7))
	}
	if content {
		d.Content = r.text(8)
	}
	if st.ColumnType(9) == sqlite3.BLOB {
		d.Seal = st.ColumnBlob(9, nil)
	}
	if !d.State.Open() && !d.State.Settled() {
		d.State = engine.DispatchPending
	}
}

// short is a text of ours: what is longer, somebody else wrote.
func (r *row) short(i int) string {
	s := r.text(i)
	if s == nil || len(*s) > maxText {
		return ""
	}
	return *s
}

// millis is nil for what is no time that can be written.
func (r *row) millis(i int) *time.Time {
	const year9999 = 253402300799999
	if r.st.ColumnType(i) != sqlite3.INTEGER {
		return nil
	}
	ms := r.st.ColumnInt64(i)
	if ms < 0 || ms > year9999 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

// Dispatch changes dispatches. See engine.Outboxes.
func (s *Store) Dispatch(ctx context.Context, sess engine.Session, ids []string, change func(string, *engine.Dispatch) error) error {
	return s.do(ctx, sess, func(in *inbox) error {
		if err := in.makeOutbox(); err != nil {
			return err
		}
		for _, id := range ids {
			d, seq, err := in.dispatch(id)
			if err != nil {
				return err
			}
			if err := change(id, &d); err != nil {
				return err
			}
			if err := in.saveDispatch(id, seq, &d, s.opts.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// dispatch reads what is kept of a reply, which is nothing of one that was
// delivered at once or by another host.
func (in *inbox) dispatch(id string) (d engine.Dispatch, seq *int64, err error) {
	_, err = in.queryRow(func(st *sqlite3.Stmt) {
		scanDispatch(st, &d, true)
		seq = (&row{st: st}).seq(10)
	}, `SELECT `+dispatchColumns+`, seq FROM engine_outbox WHERE message_out_id = ?`, id)
	if err != nil {
		return d, nil, err
	}
	_, err = in.queryRow(func(st *sqlite3.Stmt) {
		r := &row{st: st}
		d.PlatformMessageID, d.SettledAt = r.text(0), r.time(2, "delivered_at")
		switch {
		case d.State == engine.DispatchDropped:
		case r.short(1) == "failed":
			if d.State != engine.DispatchCancelled {
				d.State = engine.DispatchFailed
			}
		default:
			d.State = engine.DispatchDelivered
		}
	}, deliveredSQL, id)
	return d, seq, err
}

func (in *inbox) saveDispatch(id string, seq *int64, d *engine.Dispatch, now time.Time) error {
	settled := d.State.Settled()
	if settled {
		status := "failed"
		if d.State == engine.DispatchDelivered {
			status = "delivered"
		}
		if d.SettledAt == nil {
			d.SettledAt = &now
		}
		err := in.exec(`INSERT OR REPLACE INTO delivered (message_out_id, platform_message_id, status, delivered_at) VALUES (?, ?, ?, ?)`,
			id, d.PlatformMessageID, status, *d.SettledAt)
		if err != nil {
			return err
		}
		if d.State == engine.DispatchDelivered && d.Attempts <= 1 {
			return in.exec(`DELETE FROM engine_outbox WHERE message_out_id = ?`, id)
		}
		d.Content, d.Seal, d.DueAt, d.LeaseUntil, d.LeaseOwner = nil, nil, nil, nil, ""
	} else if err := in.exec(`DELETE FROM delivered WHERE message_out_id = ?`, id); err != nil {
		return err
	}
	at := int64(lastSeq)
	if seq != nil {
		at = *seq
	}
	return in.exec(`INSERT INTO engine_outbox (message_out_id, seq, settled, `+dispatchColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (message_out_id) DO UPDATE SET settled = excluded.settled, way = excluded.way, state = excluded.state,
			due_at = excluded.due_at, attempts = excluded.attempts, uncertain = excluded.uncertain, lease_until = excluded.lease_until,
			lease_owner = excluded.lease_owner, last_error = excluded.last_error, content = excluded.content, seal = excluded.seal`,
		id, at, settled, d.Way, string(d.State), millisOf(d.DueAt), int64(d.Attempts), d.Uncertain, millisOf(d.LeaseUntil), d.LeaseOwner,
		d.LastError, d.Content, blob(d.Seal))
}

func millisOf(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

func blob(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// RemoveOutbox removes a reply's files. See engine.Outboxes.
func (s *Store) RemoveOutbox(_ context.Context, sess engine.Session, id string) error {
	if !engine.SafeID(id) {
		return nil // it can have none
	}
	f, err := s.enter(sess)
	if err != nil {
		return err
	}
	defer f.close()
	outbox, err := f.dir.sub(outboxName)
	if err != nil {
		return fault(outboxName, err)
	}
	defer outbox.close()
	return fault(outboxName, outbox.removeAll(id))
}
