package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

const (
	// eventBatch bounds the events of one row: a reader decodes it whole.
	eventBatch = 1024
	// eventGap is what a start leaves out after an end that was not clean:
	// whoever saw more than there is, since an older copy of the file was put
	// in its place, finds the gap and not other events under its number.
	eventGap = 1 << 20
	// pruneBatches bounds what one step of pruning removes.
	pruneBatches = 64
)

// event is how an event is kept.
type event struct {
	Type      engine.EventType `json:"t"`
	At        int64            `json:"at"`
	SessionID string           `json:"s,omitempty"`
	MessageID string           `json:"m,omitempty"`
	ReplyID   string           `json:"r,omitempty"`
	HookName  string           `json:"h,omitempty"`
	Operation string           `json:"o,omitempty"`
}

// OpenEvents implements engine.EventLog.
func (r *Registry) OpenEvents(ctx context.Context, now time.Time) (newest int64, err error) {
	err = r.write(ctx, "open the events", func(c *conn) error {
		last, err := lastEvent(c)
		if err != nil {
			return err
		}
		newest = last.n
		unclean, err := c.Exists(`SELECT 1 FROM event_log WHERE appending = 1`)
		if err != nil {
			return err
		}
		if unclean {
			newest += eventGap
			rows, err := encodeEvents([]engine.Event{{Type: engine.EventResyncRequired, At: now}})
			if err == nil {
				err = appendEvents(c, eventPlace{newest - 1, last.total}, rows)
			}
			return err
		}
		_, err = c.Run(`UPDATE event_log SET appending = 1`)
		return err
	})
	return newest, err
}

// CloseEvents implements engine.EventLog.
func (r *Registry) CloseEvents(ctx context.Context) error {
	return r.write(ctx, "close the events", func(c *conn) error {
		_, err := c.Run(`UPDATE event_log SET appending = 0`)
		return err
	})
}

// AppendEvents implements engine.EventLog.
func (r *Registry) AppendEvents(ctx context.Context, events []engine.Event) error {
	rows, err := encodeEvents(events)
	if err != nil {
		return err
	}
	var last eventPlace
	err = r.write(ctx, "append events", func(c *conn) (err error) {
		if last, err = lastEvent(c); err != nil {
			return err
		}
		return appendEvents(c, last, rows)
	})
	if err != nil {
		return err
	}
	for i := range events {
		events[i].N = last.n + 1 + int64(i)
	}
	return nil
}

// eventRow is a row of the table without its number.
type eventRow struct {
	count, at int64
	batch     []byte
}

func encodeEvents(events []engine.Event) (rows []eventRow, err error) {
	for batch := range slices.Chunk(events, eventBatch) {
		text := make([]byte, 0, 128*len(batch))
		for i, ev := range batch {
			text = append(text, "[,"[min(i, 1)])
			if text, err = appendEvent(text, ev); err != nil {
				return nil, err
			}
		}
		rows = append(rows, eventRow{count: int64(len(batch)), at: batch[len(batch)-1].At.UnixMilli(), batch: append(text, ']')})
	}
	return rows, nil
}

// appendEvent appends an event as JSON: there are as many as messages, so it
// is done without reflection.
func appendEvent(b []byte, ev engine.Event) (_ []byte, err error) {
	b = strconv.AppendInt(append(b, `{"at":`...), ev.At.UnixMilli(), 10)
	for _, f := range [...]struct{ name, value string }{{"t", string(ev.Type)}, {"s", ev.SessionID}, {"m", ev.MessageID}, {"r", ev.ReplyID}, {"h", ev.HookName}, {"o", ev.OperationID}} {
		if f.value == "" {
			continue
		}
		b = append(append(append(b, `,"`...), f.name...), `":`...)
		if engine.SafeID(f.value) {
			b = append(append(append(b, '"'), f.value...), '"')
			continue
		}
		quoted, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		b = append(b, quoted...)
	}
	return append(b, '}'), nil
}

// eventPlace is where the log ends: the number of the newest event, and how
// many there ever were.
type eventPlace struct{ n, total int64 }

func lastEvent(c *conn) (p eventPlace, err error) {
	err = c.Each(`SELECT n, total FROM events ORDER BY n DESC LIMIT 1`, func(s *sqlite3.Stmt) error {
		p = eventPlace{s.ColumnInt64(0), s.ColumnInt64(1)}
		return nil
	})
	return p, err
}

func appendEvents(c *conn, p eventPlace, rows []eventRow) error {
	for _, row := range rows {
		_, err := c.Run(`INSERT INTO events (n, first, total, at, batch) VALUES (?, ?, ?, ?, ?)`,
			p.n+row.count, p.n+1, p.total+row.count, row.at, string(row.batch))
		if err != nil {
			return err
		}
		p.n += row.count
		p.total += row.count
	}
	return nil
}

// errEnough ends a statement whose further rows are not wanted.
var errEnough = errors.New("enough rows")

// Events implements engine.EventLog.
func (r *Registry) Events(ctx context.Context, after int64, f engine.EventFilter, limit int) (span engine.EventSpan, err error) {
	err = r.read(ctx, "read events", func(c *conn) error {
		span = engine.EventSpan{End: after}
		return c.Snapshot(func() error {
			last, err := lastEvent(c)
			if err != nil {
				return err
			}
			span.Newest = last.n
			if span.Oldest, err = c.Number(`SELECT first FROM events ORDER BY n LIMIT 1`); err != nil {
				return err
			}
			seen := 0
			err = c.Each(`SELECT n, first, batch FROM events WHERE n > ? ORDER BY n`, func(s *sqlite3.Stmt) error {
				if seen >= limit {
					return errEnough
				}
				events, err := decodeEvents(s)
				if err != nil {
					return err
				}
				seen += len(events)
				for _, ev := range events {
					if ev.N > after && f.Selects(ev) {
						span.Events = append(span.Events, ev)
					}
				}
				span.End = s.ColumnInt64(0)
				return nil
			}, after)
			if errors.Is(err, errEnough) {
				err = nil
			}
			return err
		})
	})
	return span, err
}

func decodeEvents(s *sqlite3.Stmt) ([]engine.Event, error) {
	n, first := s.ColumnInt64(0), s.ColumnInt64(1)
	var kept []event
	if err := s.ColumnJSON(2, &kept); err != nil {
		return nil, fmt.Errorf("the events up to %d: %w", n, err)
	}
	events := make([]engine.Event, len(kept))
	for i, k := range kept {
		events[i] = engine.Event{N: first + int64(i), Type: k.Type, At: *timeOf(k.At),
			SessionID: k.SessionID, MessageID: k.MessageID, ReplyID: k.ReplyID, HookName: k.HookName, OperationID: k.Operation}
	}
	return events, nil
}

// PruneEvents implements engine.EventLog. It removes whole batches.
func (r *Registry) PruneEvents(ctx context.Context, before time.Time, keep int64) (more bool, err error) {
	err = r.write(ctx, "prune events", func(c *conn) error {
		newest, err := lastEvent(c)
		if err != nil {
			return err
		}
		last, err := c.Number(`SELECT max(n) FROM (SELECT n, total, at FROM events ORDER BY n LIMIT ?) WHERE (total <= ? OR at < ?) AND n < ?`,
			pruneBatches, newest.total-keep, before.UnixMilli(), newest.n)
		if err != nil || last == 0 {
			more = false
			return err
		}
		removed, err := c.Run(`DELETE FROM events WHERE n <= ?`, last)
		more = removed == pruneBatches
		return err
	})
	return more, err
}
