package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// Hooks implements engine.HookRecords. A record that cannot be read stops
// nobody: it is logged, and returned at all points, for all sessions, without
// an active version. So its failure policy applies wherever it did before.
func (r *Registry) Hooks(ctx context.Context) (out []engine.HookRecord, err error) {
	err = r.read(ctx, "list hooks", func(c *conn) error {
		return c.Snapshot(func() error {
			out, err = hooks(c, func(name string, err error) {
				if _, known := r.damaged.LoadOrStore(name, true); known {
					return
				}
				r.log.Error("the record of a hook is damaged, and it cannot run: install it again, or remove it", "hook", name, "error", err)
			})
			return err
		})
	})
	return out, err
}

func hooks(c *conn, damaged func(name string, err error)) (out []engine.HookRecord, err error) {
	var problems []error
	err = c.Each(`SELECT name, enabled, points, place, on_failure, config, scope, limits FROM hooks ORDER BY name`, func(s *sqlite3.Stmt) error {
		h, problem := scanHook(s)
		out, problems = append(out, h), append(problems, problem)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		h, problem := &out[i], problems[i]
		err := c.Each(`SELECT sha256, size, installed_at, active, shape, handles FROM hook_versions WHERE hook = ? ORDER BY age`, func(s *sqlite3.Stmt) error {
			v, err := scanHookVersion(s)
			h.Versions, problem = append(h.Versions, v), errors.Join(problem, err)
			return nil
		}, h.Name)
		if err != nil {
			return nil, err
		}
		if problem != nil {
			h.Points, h.Scope, h.Limits = engine.HookPoints(), engine.HookScope{}, engine.DefaultHookLimits()
			for v := range h.Versions {
				h.Versions[v].Active = false
			}
			damaged(h.Name, problem)
		}
	}
	return out, nil
}

func scanHook(s *sqlite3.Stmt) (engine.HookRecord, error) {
	h := engine.HookRecord{Name: s.ColumnText(0), HookSettings: engine.HookSettings{
		Enabled: s.ColumnBool(1), Order: s.ColumnInt(3), OnFailure: engine.HookFailurePolicy(s.ColumnText(4)), Limits: engine.DefaultHookLimits()}}
	var err error
	if config := database.OptionalText(s, 5); config != nil {
		h.Config = json.RawMessage(*config)
		if !json.Valid(h.Config) {
			h.Config, err = nil, errors.New("config is not JSON")
		}
	}
	return h, errors.Join(err, decode(s, 2, &h.Points), decode(s, 6, &h.Scope), decode(s, 7, &h.Limits))
}

func scanHookVersion(s *sqlite3.Stmt) (engine.HookVersion, error) {
	v := engine.HookVersion{SHA256: s.ColumnText(0), Size: s.ColumnInt64(1), InstalledAt: *timeOf(s.ColumnInt64(2)),
		Active: s.ColumnBool(3), Shape: engine.HookShape(s.ColumnText(4))}
	return v, decode(s, 5, &v.Handles)
}

func decode(s *sqlite3.Stmt, col int, to any) error {
	if err := s.ColumnJSON(col, to); err != nil {
		return fmt.Errorf("%s: %w", s.ColumnName(col), err)
	}
	return nil
}

// SaveHook implements engine.HookRecords.
func (r *Registry) SaveHook(ctx context.Context, h engine.HookRecord) error {
	return r.write(ctx, "save hook "+h.Name, func(c *conn) error {
		if _, err := c.Run(`DELETE FROM hooks WHERE name = ?`, h.Name); err != nil { // with its versions
			return err
		}
		var config any
		if h.Config != nil {
			config = string(h.Config)
		}
		_, err := c.Run(`INSERT INTO hooks (name, enabled, points, place, on_failure, config, scope, limits) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			h.Name, h.Enabled, database.AsJSON{Value: h.Points}, h.Order, string(h.OnFailure), config, database.AsJSON{Value: h.Scope}, database.AsJSON{Value: h.Limits})
		if err != nil {
			return err
		}
		for i, v := range h.Versions {
			_, err := c.Run(`INSERT INTO hook_versions (hook, sha256, age, size, installed_at, active, shape, handles) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				h.Name, v.SHA256, i, v.Size, v.InstalledAt.UnixMilli(), v.Active, string(v.Shape), database.AsJSON{Value: v.Handles})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveHook implements engine.HookRecords.
func (r *Registry) RemoveHook(ctx context.Context, name string) error {
	return r.write(ctx, "remove hook", func(c *conn) error {
		n, err := c.Run(`DELETE FROM hooks WHERE name = ?`, name)
		if err == nil && n == 0 {
			err = notFound("hook", name, "")
		}
		return err
	})
}
