package registry

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// Check has SQLite read the whole database, and returns what is wrong with it.
func (r *Registry) Check(ctx context.Context) (problems []string, err error) {
	err = r.read(ctx, "check the registry", func(c *conn) error {
		err := c.Each(`PRAGMA integrity_check(100)`, func(s *sqlite3.Stmt) error {
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
		for _, look := range []struct{ sql, problem string }{
			{`SELECT count(*) FROM unsettled WHERE session_id NOT IN (SELECT id FROM sessions)`, "%d unsettled replies are of sessions that do not exist; stop the engine and delete those rows"},
			{`SELECT count(*) FROM archives WHERE session_id IN (SELECT id FROM sessions)`, "%d sessions are both archived and not; stop the engine and delete their rows in archives"},
			{`SELECT count(*) FROM events WHERE NOT json_valid(batch) OR first > n OR total < n - first + 1`, "%d batches of events cannot be read; who follows events reads all again"},
			{`SELECT count(*) FROM webhooks WHERE url NOT LIKE 'http://%' AND url NOT LIKE 'https://%' OR secret = ''`, "%d webhooks have no address or no secret; set them again"},
			{`SELECT count(*) FROM secrets WHERE length(value) <> 32`, "%d keys of the engine's are not whole; stop the engine and delete them: what they sealed is asked of hooks anew"},
			{`SELECT count(*) FROM container_claims WHERE owner = '' OR session_id NOT IN (SELECT session_id FROM work)`, "%d claims of containers are of nobody, or would be forgotten; mark those containers stopped"},
		} {
			n, err := c.Number(look.sql)
			if err != nil {
				return err
			}
			if n > 0 {
				problems = append(problems, fmt.Sprintf(look.problem, n))
			}
		}
		return c.Each(`PRAGMA foreign_key_check`, func(s *sqlite3.Stmt) error {
			problems = append(problems, "a row of "+s.ColumnText(0)+" names one of "+s.ColumnText(2)+" that does not exist")
			return nil
		})
	})
	return problems, err
}
