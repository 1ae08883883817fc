package index

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// maxLooked bounds the rows that a page looks at, where no index has all that
// the filter asks for.
const maxLooked = 10_000

// errEnough ends a statement whose further rows are not wanted.
var errEnough = errors.New("enough rows")

// Search implements engine.MailIndex.
func (x *Index) Search(ctx context.Context, p engine.Page, f engine.SearchFilter) (out engine.SearchPage, err error) {
	before := int64(math.MaxInt64)
	if p.Cursor != "" {
		var ok bool
		if before, ok = place(p.Cursor); !ok {
			return out, engine.InvalidField("after", "after is not a cursor of this list")
		}
	}
	err = x.read(ctx, "search", func(c *database.Conn) error {
		out = engine.SearchPage{}
		return c.Snapshot(func() error {
			q, err := newQuery(c, f)
			if err != nil || q.nothing {
				return err
			}
			found, looked, end := make([]int64, 0, p.Limit), 0, int64(0)
			err = c.Each(q.sql(), func(s *sqlite3.Stmt) error {
				if len(found) == p.Limit || looked == maxLooked {
					out.HasNext = true
					return errEnough
				}
				looked++
				end = s.ColumnInt64(0)
				if s.ColumnBool(1) {
					found = append(found, end)
				}
				return nil
			}, append([]any{before}, q.args...)...)
			if err != nil && !errors.Is(err, errEnough) {
				return err
			}
			for _, n := range found {
				h, err := hit(c, n, q.first)
				if err != nil {
					return err
				}
				out.Add(h, cursor(n))
			}
			if out.HasPrevious = p.Cursor != ""; end != 0 {
				out.End = cursor(end)
			}
			return nil
		})
	})
	return out, err
}

// Count implements engine.MailIndex.
func (x *Index) Count(ctx context.Context, f engine.SearchFilter, most int) (count int, oldest *engine.SearchHit, err error) {
	err = x.read(ctx, "count mail", func(c *database.Conn) error {
		count, oldest = 0, nil
		return c.Snapshot(func() error {
			sql, args := countSQL(f)
			n := int64(math.MaxInt64)
			err := c.Each(sql+` LIMIT ?1`, func(s *sqlite3.Stmt) error {
				count++
				n = min(n, s.ColumnInt64(0))
				return nil
			}, append([]any{most}, args...)...)
			if err != nil || count == 0 {
				return err
			}
			h, err := hit(c, n, "")
			oldest = &h
			return err
		})
	})
	return count, oldest, err
}

// hit reads a row. word is what its snippet is to show.
func hit(c *database.Conn, n int64, word string) (h engine.SearchHit, err error) {
	err = c.Each(`SELECT direction, sessions.id, mail.agent_group_id, mail.id, kind, channel_type, status, text
		FROM mail JOIN sessions USING (s) WHERE n = ?`, func(s *sqlite3.Stmt) error {
		h = engine.SearchHit{Direction: engine.Direction(s.ColumnText(0)), SessionID: s.ColumnText(1), AgentGroupID: s.ColumnText(2),
			ID: s.ColumnText(3), Kind: s.ColumnText(4), ChannelType: database.OptionalText(s, 5), At: timeOf(n), Snippet: snippet(s.ColumnText(7), word)}
		if h.Direction == engine.DirectionIn {
			h.MessageStatus = engine.MessageStatus(s.ColumnText(6))
		} else {
			h.DeliveryStatus = engine.DeliveryStatus(s.ColumnText(6))
		}
		return nil
	}, n)
	return h, err
}

func cursor(n int64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt([]byte{'f'}, n, 10))
}

// place reads a cursor. It takes only what cursor writes.
func place(text string) (n int64, ok bool) {
	if len(text) > 32 {
		return 0, false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || b[0] != 'f' {
		return 0, false
	}
	n, err = strconv.ParseInt(string(b[1:]), 10, 64)
	return n, err == nil && n > 0 && cursor(n) == text
}
