package registry

import (
	"context"

	"github.com/ncruces/go-sqlite3"
)

// Check has SQLite read the whole database, and returns what is wrong with it.
func (r *Registry) Check(ctx context.Context) (problems []string, err error) {
	err = r.read(ctx, "check the registry", func(c *conn) error {
		err := c.each(`PRAGMA integrity_check(100)`, func(s *sqlite3.Stmt) error {
			if p := s.ColumnText(0); p != "ok" {
				problems = append(problems, p)
			}
			return nil
		})
		if err != nil {
			return err
		}
		_, err = hooks(c, func(name string, err error) {
			problems = append(problems, "the record of hook "+name+" is damaged ("+err.Error()+"); install it again, or remove it")
		})
		if err != nil {
			return err
		}
		return c.each(`PRAGMA foreign_key_check`, func(s *sqlite3.Stmt) error {
			problems = append(problems, "a row of "+s.ColumnText(0)+" names one of "+s.ColumnText(2)+" that does not exist")
			return nil
		})
	})
	return problems, err
}
