package registry

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// list is a list of rows in order of their number n.
type list[T any] struct {
	// kind is the first byte of its cursors; those of other lists are refused.
	kind byte
	// descending lists have the highest n first.
	descending bool
	// sql selects rows, their n as the first column, with n above ?1 (up) or
	// below it, the ones nearest to it first, ?2 at most.
	sql  func(up bool) string
	args []any
	scan func(*sqlite3.Stmt) (T, error)
}

// page reads a page of l from one state of the database.
func (l list[T]) page(c *conn, p engine.Page) (engine.List[T], error) {
	var out engine.List[T]
	up := l.descending == p.Backward
	start := int64(0)
	if !up {
		start = math.MaxInt64
	}
	if p.Cursor != "" {
		n, ok := l.number(p.Cursor)
		if !ok {
			return out, invalidCursor(p)
		}
		start = n
	}
	limit := min(max(p.Limit, 1), engine.MaxPage)
	var more, before bool
	err := c.Snapshot(func() error {
		err := c.Each(l.sql(up), func(s *sqlite3.Stmt) error {
			if len(out.Items) == limit {
				more = true
				return nil
			}
			item, err := l.scan(s)
			if err != nil {
				return err
			}
			out.Add(item, l.cursor(s.ColumnInt64(0)))
			return nil
		}, append([]any{start, limit + 1}, l.args...)...)
		if err != nil || p.Cursor == "" {
			return err
		}
		// Whatever is not beyond the cursor, the cursor's own item included.
		if up {
			start++
		} else {
			start--
		}
		before, err = c.Exists(l.sql(!up), append([]any{start, 1}, l.args...)...)
		return err
	})
	if err != nil {
		return engine.List[T]{}, err
	}
	out.HasNext, out.HasPrevious = more, before
	if p.Backward {
		slices.Reverse(out.Items)
		slices.Reverse(out.Cursors)
		out.HasNext, out.HasPrevious = before, more
	}
	return out, nil
}

func (l list[T]) cursor(n int64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt([]byte{l.kind}, n, 10))
}

// number reads a cursor. It takes only what cursor writes, and n stays clear
// of the ends of its type.
func (l list[T]) number(cursor string) (n int64, ok bool) {
	if len(cursor) > 32 {
		return 0, false
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) == 0 || b[0] != l.kind {
		return 0, false
	}
	n, err = strconv.ParseInt(string(b[1:]), 10, 64)
	return n, err == nil && 0 < n && n < math.MaxInt64 && l.cursor(n) == cursor
}

func invalidCursor(p engine.Page) error {
	field := "after"
	if p.Backward {
		field = "before"
	}
	return engine.InvalidField(field, "%s is not a cursor of this list", field)
}
