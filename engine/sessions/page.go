package sessions

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// listing is a query over a table that has seq, in order of seq. Rows without
// one come first; a container may have written anything there, so a cursor
// holds the rowid too.
type listing struct {
	table, columns, where string
	args                  []any
	page                  engine.Page
	maxBytes              int64
}

// position is where a page begins: behind the row with this seq and rowid.
type position struct {
	null, exact bool // seq is NULL; seq is the number that the cursor holds
	seq, rowid  int64
}

func (p position) String() string {
	kind := "x"
	switch {
	case p.null:
		kind = "n"
	case p.exact:
		kind = "i"
	}
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d", kind, p.seq, p.rowid))
}

func parsePosition(p engine.Page) (*position, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	field := "after"
	if p.Backward {
		field = "before"
	}
	invalid := engine.InvalidField(field, "%s is not a cursor of this list", field)
	b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return nil, invalid
	}
	var kind string
	var at position
	if n, err := fmt.Sscanf(string(b), "%1s %d %d", &kind, &at.seq, &at.rowid); err != nil || n != 3 {
		return nil, invalid
	}
	at.null, at.exact = kind == "n", kind == "i"
	if at.String() != p.Cursor {
		return nil, invalid
	}
	return &at, nil
}

// list collects a page. scan reads a row, whose first two columns are seq and
// rowid; keep false leaves it out. size is what it adds to the page's bytes.
func list[T any](c *sqlite3.Conn, q listing, scan func(*row) (item T, size int64, keep bool, err error)) (engine.List[T], error) {
	var l engine.List[T]
	at, err := parsePosition(q.page)
	if err != nil {
		return l, err
	}
	more, total := false, int64(0)
	take := func(r *row) (full bool, err error) {
		item, size, keep, err := scan(r)
		if err != nil || !keep {
			return false, err
		}
		if len(l.Items) == q.page.Limit || len(l.Items) > 0 && total+size > q.maxBytes {
			more = true
			return true, nil
		}
		total += size
		l.Add(item, positionOf(r.st).String())
		return false, nil
	}
	for _, nulls := range [...]bool{!q.page.Backward, q.page.Backward} {
		if more || at != nil && nulls != at.null && nulls != q.page.Backward {
			continue // full, or the other part lies before the cursor
		}
		from := at
		if at != nil && nulls != at.null {
			from = nil
		}
		if err := q.walk(c, nulls, from, take); err != nil {
			return engine.List[T]{}, err
		}
	}
	if q.page.Backward {
		slices.Reverse(l.Items)
		slices.Reverse(l.Cursors)
		l.HasPrevious, l.HasNext = more, at != nil
	} else {
		l.HasNext, l.HasPrevious = more, at != nil
	}
	return l, nil
}

func (q listing) walk(c *sqlite3.Conn, nulls bool, from *position, take func(*row) (bool, error)) error {
	compare, order := ">", "ASC"
	if q.page.Backward {
		compare, order = "<", "DESC"
	}
	args := append([]any{}, q.args...)
	where := []string{q.where, "seq IS NOT NULL"}
	orderBy := fmt.Sprintf("seq %[1]s, rowid %[1]s", order)
	if nulls {
		where[1], orderBy = "seq IS NULL", "rowid "+order
	}
	switch {
	case from == nil:
	case nulls:
		where = append(where, "rowid "+compare+" ?")
		args = append(args, from.rowid)
	case from.exact:
		where = append(where, "(seq, rowid) "+compare+" (?, ?)")
		args = append(args, from.seq, from.rowid)
	default:
		where = append(where, "(seq, rowid) "+compare+" ((SELECT seq FROM "+q.table+" WHERE rowid = ?), ?)")
		args = append(args, from.rowid, from.rowid)
	}
	st, _, err := c.Prepare("SELECT seq, rowid, " + q.columns + " FROM " + q.table + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + orderBy)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := bind(st, args); err != nil {
		return err
	}
	for st.Step() {
		if full, err := take(&row{st: st}); full || err != nil {
			return err
		}
	}
	return st.Err()
}

func positionOf(st *sqlite3.Stmt) position {
	p := position{rowid: st.ColumnInt64(1)}
	switch st.ColumnType(0) {
	case sqlite3.NULL:
		p.null = true
	case sqlite3.INTEGER:
		p.exact, p.seq = true, st.ColumnInt64(0)
	}
	return p
}
