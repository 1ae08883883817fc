package index

import (
	"context"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// OwedSQL, UnendedSQL, AnswersSQL and CountSQL are for a test that asks SQLite how it
// would run them.
const (
	OwedSQL    = owedSQL
	UnendedSQL = unendedSQL
	AnswersSQL = answersSQL
)

// CountSQL is described at UnendedSQL.
func CountSQL(f engine.SearchFilter) string {
	sql, _ := countSQL(f)
	return sql
}

// SearchSQL is the statement of a filter.
func (x *Index) SearchSQL(ctx context.Context, f engine.SearchFilter) (sql string, err error) {
	err = x.read(ctx, "write a query", func(c *database.Conn) error {
		q, err := newQuery(c, f)
		if err == nil {
			sql = q.sql()
		}
		return err
	})
	return sql, err
}

// Plan is how SQLite runs a statement.
func (x *Index) Plan(ctx context.Context, sql string) (plan string, err error) {
	var lines []string
	err = x.read(ctx, "explain", func(c *database.Conn) error {
		return c.Each("EXPLAIN QUERY PLAN "+sql, func(s *sqlite3.Stmt) error {
			lines = append(lines, s.ColumnText(3))
			return nil
		})
	})
	return strings.Join(lines, "\n"), err
}
