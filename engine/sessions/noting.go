package sessions

import (
	"context"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// NoteReplies stores dispatches and the mark. See engine.Outboxes.
func (s *Store) NoteReplies(ctx context.Context, sess engine.Session, n engine.NewReplies, first *engine.FirstAttempt) (noted []engine.Outgoing, err error) {
	err = s.do(ctx, sess, func(in *inbox) (err error) {
		if err := in.makeOutbox(); err != nil {
			return err
		}
		if noted, err = in.notNoted(n.Replies); err != nil {
			return err
		}
		if err := in.placeFirst(first, noted); err != nil {
			return err
		}
		for _, out := range noted {
			if first != nil && first.Begun && out.ID == first.ReplyID {
				first.Begin(&out.Dispatch)
			}
			if err := in.saveDispatch(out.ID, out.Seq, &out.Dispatch, s.opts.Now()); err != nil {
				return err
			}
		}
		if !n.Mark.Moved {
			return nil
		}
		return in.exec(`INSERT INTO engine_outbox_mark (id, out_rowid, reply_id) VALUES (1, ?1, ?2)
			ON CONFLICT (id) DO UPDATE SET out_rowid = ?1, reply_id = ?2`, n.Mark.RowID, n.Mark.ReplyID)
	})
	if err == nil && n.Mark.Moved && !n.More {
		s.marks.Add(sess.ID, outboundEnd{mark: n.Mark})
	}
	return noted, err
}

// notNoted returns those that were not noted before, each once.
func (in *inbox) notNoted(replies []engine.Outgoing) (noted []engine.Outgoing, err error) {
	seen := make(map[string]bool, len(replies))
	for _, out := range replies {
		found, err := in.queryRow(func(*sqlite3.Stmt) {}, knownSQL, out.ID)
		if err != nil {
			return nil, err
		}
		if !found && !seen[out.ID] {
			noted = append(noted, out)
		}
		seen[out.ID] = true
	}
	return noted, nil
}

// placeFirst finds out whether an attempt can begin with the noting: not while
// an older reply of its way is open.
func (in *inbox) placeFirst(first *engine.FirstAttempt, noted []engine.Outgoing) error {
	if first == nil {
		return nil
	}
	first.Begun = false // it may run again
	i := slices.IndexFunc(noted, func(out engine.Outgoing) bool { return out.ID == first.ReplyID })
	if i < 0 {
		return nil // it was noted before
	}
	way := noted[i].Dispatch.Way
	behind, err := in.queryRow(func(*sqlite3.Stmt) {}, `SELECT 1 FROM engine_outbox WHERE settled = 0 AND way = ? LIMIT 1`, way)
	if err != nil {
		return err
	}
	among, err := in.queryRow(func(*sqlite3.Stmt) {}, `SELECT 1 FROM engine_outbox WHERE settled = 0 LIMIT 1`)
	first.Begun, first.Alone = !behind, !among && len(noted) == 1
	return err
}

func (in *inbox) makeOutbox() error {
	if has, err := in.hasTable("engine_outbox_mark"); err != nil || has {
		return err
	}
	for _, sql := range []string{outboxSchema, outboxIndex, markSchema} {
		if err := in.exec(sql); err != nil {
			return err
		}
	}
	return nil
}
