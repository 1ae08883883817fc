package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// What a session's columns hold; the schema refuses anything else.
var (
	sessionModes      = []engine.SessionMode{engine.ModeShared, engine.ModePerThread, engine.ModeAgentShared}
	sessionStatuses   = []engine.SessionStatus{engine.SessionActive, engine.SessionClosed}
	containerStatuses = []engine.ContainerStatus{engine.ContainerRunning, engine.ContainerIdle, engine.ContainerStopped}
)

// Sessions implements engine.Sessions.
func (r *Registry) Sessions(ctx context.Context, p engine.Page, f engine.SessionFilter) (out engine.List[engine.Session], err error) {
	l := list[engine.Session]{kind: 's', descending: true, scan: scanSession}
	l.sql, l.args = sessionsSQL(f)
	err = r.read(ctx, "list sessions", func(c *conn) error {
		out, err = l.page(c, p)
		return err
	})
	for i := range out.Items {
		r.touches.overlay(&out.Items[i])
	}
	return out, err
}

// SessionPlaces implements engine.Sessions.
func (r *Registry) SessionPlaces(ctx context.Context, after int64, limit int) (places []engine.SessionPlace, err error) {
	err = r.read(ctx, "list where sessions are", func(c *conn) error {
		group := ""
		return c.Each(`SELECT n, id, agent_group_id FROM sessions WHERE n > ?1 ORDER BY n LIMIT ?2`, func(s *sqlite3.Stmt) error {
			if raw := s.ColumnRawText(2); string(raw) != group {
				group = string(raw) // most are as the one before them
			}
			places = append(places, engine.SessionPlace{N: s.ColumnInt64(0), ID: s.ColumnText(1), AgentGroupID: group})
			return nil
		}, after, limit)
	})
	return places, err
}

// CountSessions implements engine.Sessions.
func (r *Registry) CountSessions(ctx context.Context) (n int, err error) {
	err = r.read(ctx, "count sessions", func(c *conn) error {
		return c.Each(`SELECT count(*) FROM sessions`, func(s *sqlite3.Stmt) error {
			n = s.ColumnInt(0)
			return nil
		})
	})
	return n, err
}

// sessionsSQL writes a filter as a union over the states that it allows: for
// one state each index is in order of n, so SQLite merges the parts and reads
// little more than the page, whatever the filter leaves out. The texts differ
// only by the number of parts (eight) and the columns, so few are prepared.
func sessionsSQL(f engine.SessionFilter) (sql func(up bool) string, args []any) {
	where := ""
	arg := func(column, value string) string {
		args = append(args, value)
		return fmt.Sprintf("%s = ?%d AND ", column, len(args)+2)
	}
	// Where both are given, the chat's index leads: it is the smaller set.
	if f.MessagingGroupID != "" {
		where += arg("messaging_group_id", f.MessagingGroupID)
	}
	if f.AgentGroupID != "" {
		column := "agent_group_id"
		if f.MessagingGroupID != "" {
			column = "+agent_group_id" // keeps its index out of the choice
		}
		where += arg(column, f.AgentGroupID)
	}
	parts := []string{where}
	if f.MessagingGroupID != "" || f.AgentGroupID != "" || f.Mode != "" || f.Status != "" || len(f.ContainerStatus) > 0 {
		parts = nil
		for _, status := range only(sessionStatuses, f.Status) {
			for _, container := range containerStatuses {
				if len(f.ContainerStatus) > 0 && !slices.Contains(f.ContainerStatus, container) {
					continue
				}
				for _, mode := range only(sessionModes, f.Mode) {
					parts = append(parts, where+arg("status", string(status))+arg("container_status", string(container))+arg("mode", string(mode)))
				}
			}
		}
	}
	if len(parts) == 0 { // a value that no session has
		parts, args = []string{"n = 0 AND "}, nil
	}
	return func(up bool) string { return union(parts, up) }, args
}

func union(parts []string, up bool) string {
	compare, order := "<", " DESC"
	if up {
		compare, order = ">", ""
	}
	selects := make([]string, len(parts))
	for i, where := range parts {
		selects[i] = "SELECT " + sessionColumns + " FROM sessions WHERE " + where + "n " + compare + " ?1"
	}
	return strings.Join(selects, " UNION ALL ") + " ORDER BY n" + order + " LIMIT ?2"
}

// only returns want alone if it is one of all, and all where want is "".
func only[T ~string](all []T, want T) []T {
	if want == "" {
		return all
	}
	if i := slices.Index(all, want); i >= 0 {
		return all[i : i+1]
	}
	return nil
}
