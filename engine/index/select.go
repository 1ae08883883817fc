package index

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// selected is a row that Select found.
type selected struct {
	n, session, seq int64
	id              string
	direction       engine.Direction
}

// Select implements engine.MailIndex.
func (x *Index) Select(ctx context.Context, f engine.SearchFilter, most int) (refs []engine.MailRef, err error) {
	err = x.read(ctx, "select mail", func(c *database.Conn) error {
		return c.Snapshot(func() error {
			rows, err := selectRows(c, f, most)
			if err != nil {
				return err
			}
			refs, err = ordered(c, rows)
			return err
		})
	})
	return refs, err
}

func selectRows(c *database.Conn, f engine.SearchFilter, most int) (rows []selected, err error) {
	q, err := newQuery(c, f)
	if err != nil || q.nothing {
		return nil, err
	}
	err = c.Each(q.sql(), func(s *sqlite3.Stmt) error {
		if len(rows) == most {
			return errEnough
		}
		if s.ColumnBool(1) {
			rows = append(rows, selected{n: s.ColumnInt64(0)})
		}
		return nil
	}, append([]any{int64(math.MaxInt64)}, q.args...)...)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	for i := range rows {
		row := &rows[i]
		err := c.Each(`SELECT s, seq, id, direction FROM mail WHERE n = ?`, func(s *sqlite3.Stmt) error {
			row.session, row.seq, row.id, row.direction = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnText(2), engine.Direction(s.ColumnText(3))
			return nil
		}, row.n)
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// ordered puts sessions in order of their oldest row, and the rows of each in
// order of seq.
func ordered(c *database.Conn, rows []selected) ([]engine.MailRef, error) {
	oldest := map[int64]int64{}
	for _, row := range rows { // the newest comes first
		oldest[row.session] = row.n
	}
	slices.SortFunc(rows, func(a, b selected) int {
		return cmp.Or(cmp.Compare(oldest[a.session], oldest[b.session]), cmp.Compare(a.seq, b.seq), cmp.Compare(a.n, b.n))
	})
	refs := make([]engine.MailRef, len(rows))
	session, name := int64(0), ""
	for i, row := range rows {
		if row.session != session {
			var err error
			if name, err = c.Text(`SELECT id FROM sessions WHERE s = ?`, row.session); err != nil {
				return nil, err
			}
			session = row.session
		}
		refs[i] = engine.MailRef{Direction: row.direction, SessionID: name, ID: row.id}
	}
	return refs, nil
}
