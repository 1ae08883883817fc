package traces

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// Store implements engine.HookTraces.
func (t *Traces) Store(ctx context.Context, now time.Time) error {
	t.storing.Lock()
	defer t.storing.Unlock()
	some := t.waiting.take()
	if len(some) == 0 {
		return nil
	}
	err := t.do(ctx, "keep what hooks did", true, func(c *database.Conn) error {
		numbers := map[string]int64{}
		for _, h := range some {
			s, ok := numbers[h.session]
			if !ok {
				var err error
				if s, err = c.Number(`INSERT INTO sessions (id) VALUES (?1) ON CONFLICT (id) DO UPDATE SET id = ?1 RETURNING s`, h.session); err != nil {
					return err
				}
				numbers[h.session] = s
			}
			_, err := c.Run(`INSERT INTO chunks (s, direction, first, last, at, body) VALUES (?, ?, ?, ?, ?, ?)`,
				s, string(h.direction), h.first, h.last, now.UnixMilli(), h.body)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		t.waiting.stored()
	}
	return err
}

const findSQL = `SELECT n, body FROM chunks WHERE s = (SELECT s FROM sessions WHERE id = ?) AND direction = ?
	AND first BETWEEN ? AND ? AND last >= ?`

// Find implements engine.HookTraces.
func (t *Traces) Find(ctx context.Context, sessionID string, d engine.Direction, seqs []int64) (map[int64]*engine.HookTrace, error) {
	found, err := t.waiting.find(sessionID, d, seqs)
	if err != nil || len(found) == len(seqs) {
		return found, err
	}
	// Afterwards: what is stored meanwhile was found there.
	stored, err := t.findStored(ctx, sessionID, d, seqs)
	for seq, h := range stored {
		if found[seq] == nil {
			found[seq] = h
		}
	}
	return found, err
}

func (t *Traces) findStored(ctx context.Context, sessionID string, d engine.Direction, seqs []int64) (map[int64]*engine.HookTrace, error) {
	seqs = slices.Sorted(slices.Values(seqs))
	found := make(map[int64]*engine.HookTrace, len(seqs))
	newest := map[int64]int64{}
	err := t.do(ctx, "read what hooks did in session "+sessionID, false, func(c *database.Conn) error {
		for len(seqs) > 0 {
			n := 1 // that are next to each other, as those of a page are
			for n < len(seqs) && near(seqs[n-1], seqs[n]) {
				n++
			}
			some := seqs[:n]
			seqs = seqs[n:]
			err := c.Each(findSQL, func(s *sqlite3.Stmt) error {
				n := s.ColumnInt64(0)
				return each(s.ColumnRawBlob(1), func(h engine.HookTrace) {
					if slices.Contains(some, h.Seq) && n >= newest[h.Seq] {
						h.SessionID, h.Direction = sessionID, d
						found[h.Seq], newest[h.Seq] = &h, n
					}
				})
			}, sessionID, string(d), max(some[0], math.MinInt64+chunkSpan-1)-chunkSpan+1, some[len(some)-1], some[0])
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// Sessions implements engine.HookTraces.
func (t *Traces) Sessions(ctx context.Context, after string, limit int) (ids []string, err error) {
	err = t.do(ctx, "list sessions in which hooks did something", false, func(c *database.Conn) error {
		return c.Each(`SELECT id FROM sessions WHERE id > ? ORDER BY id LIMIT ?`, func(s *sqlite3.Stmt) error {
			ids = append(ids, s.ColumnText(0))
			return nil
		}, after, limit)
	})
	return ids, err
}

// removeChunks bounds what is removed at one time.
const removeChunks = 256

// Forget implements engine.HookTraces.
func (t *Traces) Forget(ctx context.Context, sessionID string) (more bool, err error) {
	t.storing.Lock()
	defer t.storing.Unlock()
	t.waiting.forget(sessionID)
	err = t.do(ctx, "forget what hooks did in session "+sessionID, true, func(c *database.Conn) error {
		n, err := c.Run(`DELETE FROM chunks WHERE n IN (SELECT n FROM chunks WHERE s = (SELECT s FROM sessions WHERE id = ?) LIMIT ?)`, sessionID, removeChunks)
		if more = n == removeChunks; err != nil || more {
			return err
		}
		_, err = c.Run(`DELETE FROM sessions WHERE id = ?`, sessionID)
		return err
	})
	return more, err
}

// Prune implements engine.HookTraces.
func (t *Traces) Prune(ctx context.Context, now time.Time) (more bool, err error) {
	old := now.Add(-t.age).UnixMilli()
	due := false
	err = t.do(ctx, "look for what hooks did long ago", false, func(c *database.Conn) (err error) {
		used, err := c.Number(`SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)`)
		if err != nil {
			return err
		}
		size, err := c.Number(`PRAGMA page_size`)
		if err != nil {
			return err
		}
		if used*size > t.bytes {
			due, old = true, math.MaxInt64
			return nil
		}
		due, err = c.Exists(`SELECT 1 FROM (SELECT at FROM chunks ORDER BY n LIMIT 1) WHERE at < ?`, old)
		return err
	})
	if err != nil || !due {
		return false, err
	}
	err = t.do(ctx, "remove what hooks did long ago", true, func(c *database.Conn) error {
		removed, of := 0, map[int64]bool{}
		err := c.Each(`DELETE FROM chunks WHERE n IN (SELECT n FROM chunks ORDER BY n LIMIT ?) AND at < ? RETURNING s`, func(s *sqlite3.Stmt) error {
			removed++
			of[s.ColumnInt64(0)] = true
			return nil
		}, removeChunks, old)
		for s := range of {
			if err == nil {
				_, err = c.Run(`DELETE FROM sessions WHERE s = ?1 AND NOT EXISTS (SELECT 1 FROM chunks WHERE s = ?1)`, s)
			}
		}
		more = removed == removeChunks
		return err
	})
	return more, err
}
