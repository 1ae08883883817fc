package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/sessions"
)

const (
	oldReplies = 10_000
	looks      = 300
)

// outbound is a session whose replies were all noted, in this process.
type outbound struct {
	*sessions.Store
	session engine.Session
	path    string
	at      time.Time // of its file
}

// openOutbound fills a session that the library made, which is closed.
func openOutbound(ctx context.Context, data string, s engine.Session) (_ *outbound, err error) {
	store, err := sessions.Open(data, sessions.Options{Limits: engine.DefaultLimits(), Passive: true})
	if err != nil {
		return nil, err
	}
	o := &outbound{store, s, filepath.Join(data, s.Folder(), "outbound.db"), time.Unix(1_700_000_000, 0)}
	err = errors.Join(
		fill(o.path, oldReplies, `INSERT INTO messages_out (id, seq, timestamp, kind, content) SELECT 'r' || i, 2 * i - 1, '2026-01-01T00:00:00Z', 'chat', 'hello' FROM n`),
		fill(filepath.Join(data, s.Folder(), "inbound.db"), oldReplies, `INSERT INTO delivered SELECT 'r' || i, NULL, 'delivered', '2026-01-01T00:00:00Z' FROM n`))
	var n engine.NewReplies
	if err == nil {
		n, err = o.NewReplies(ctx, s)
	}
	if err == nil {
		_, err = o.NoteReplies(ctx, s, n, nil)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return o, nil
}

// fill inserts so many rows by a statement that has their number as i of n.
func fill(path string, rows int, insert string) (err error) {
	db, err := sqlite3.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Exec(fmt.Sprintf("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) %s", rows, insert))
}

// look measures looks for new replies, before each of which the file's time
// stamp moves by step.
func (o *outbound) look(step time.Duration) side {
	return func(ctx context.Context, _ int) (sample, error) {
		return measure(1, looks, func(int, int) error {
			o.at = o.at.Add(step)
			if err := os.Chtimes(o.path, o.at, o.at); err != nil {
				return err
			}
			n, err := o.NewReplies(ctx, o.session)
			if err == nil && len(n.Replies) > 0 {
				err = fmt.Errorf("%d replies are new", len(n.Replies))
			}
			return err
		})
	}
}
