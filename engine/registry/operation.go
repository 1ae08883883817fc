package registry

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// operationBatch bounds the rows of one share of a transaction: the writer is
// everybody's.
const operationBatch = 500

const operationColumns = `n, id, action, filter, reason, status, total, done, refused, started_at, ended_at`

func scanOperation(s *sqlite3.Stmt) (op engine.Operation, err error) {
	op = engine.Operation{ID: s.ColumnText(1), Action: engine.OperationAction(s.ColumnText(2)), Reason: s.ColumnText(4),
		Status: engine.OperationStatus(s.ColumnText(5)), Total: s.ColumnInt(6), Done: s.ColumnInt(7), Refused: s.ColumnInt(8),
		StartedAt: *timeOf(s.ColumnInt64(9)), EndedAt: optionalTime(s, 10)}
	return op, s.ColumnJSON(3, &op.Filter)
}

// AddOperation implements engine.OperationList.
func (r *Registry) AddOperation(ctx context.Context, op engine.Operation, items []engine.MailRef, most int) error {
	r.preparing.Lock()
	defer r.preparing.Unlock()
	var n int64
	err := r.write(ctx, "add operation "+op.ID, func(c *conn) (err error) {
		running, err := c.Number(`SELECT count(*) FROM operations WHERE status = 'RUNNING'`)
		if err != nil {
			return err
		}
		if running >= int64(most) {
			return engine.Errorf(engine.CodeLimitExceeded, "%d operations go on, which is as many as may: wait for one, or call one off", running)
		}
		n, err = c.Number(`INSERT INTO operations (id, action, filter, reason, status, total, started_at) VALUES (?, ?, ?, ?, 'PREPARING', ?, ?) RETURNING n`,
			op.ID, string(op.Action), database.AsJSON{Value: op.Filter}, op.Reason, op.Total, op.StartedAt.UnixMilli())
		if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
			return engine.Errorf(engine.CodeConflict, "there is an operation %s", op.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	place := 0
	for batch := range slices.Chunk(items, operationBatch) {
		err := r.write(ctx, "add items to operation "+op.ID, func(c *conn) error {
			for i, item := range batch {
				if _, err := c.Run(`INSERT INTO operation_items (operation, n, direction, session_id, mail_id) VALUES (?, ?, ?, ?, ?)`,
					n, place+i+1, string(item.Direction), item.SessionID, item.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		place += len(batch)
	}
	return r.write(ctx, "begin operation "+op.ID, func(c *conn) error {
		_, err := c.Run(`UPDATE operations SET status = 'RUNNING' WHERE n = ?`, n)
		return err
	})
}

// Operation implements engine.OperationList.
func (r *Registry) Operation(ctx context.Context, id string) (op engine.Operation, err error) {
	err = r.read(ctx, "read operation "+id, func(c *conn) error {
		op, err = operation(c, id)
		return err
	})
	return op, err
}

func operation(c *conn, id string) (op engine.Operation, err error) {
	err = c.Each(`SELECT `+operationColumns+` FROM operations WHERE id = ? AND status <> 'PREPARING'`, func(s *sqlite3.Stmt) (err error) {
		op, err = scanOperation(s)
		return err
	}, id)
	if err == nil && op.ID == "" {
		err = engine.Errorf(engine.CodeNotFound, "there is no operation %q", id)
	}
	return op, err
}

// Operations implements engine.OperationList.
func (r *Registry) Operations(ctx context.Context, p engine.Page) (out engine.List[engine.Operation], err error) {
	l := list[engine.Operation]{kind: 'o', descending: true, scan: scanOperation, sql: operationsSQL}
	err = r.read(ctx, "list operations", func(c *conn) error {
		out, err = l.page(c, p)
		return err
	})
	return out, err
}

func operationsSQL(up bool) string {
	if up {
		return `SELECT ` + operationColumns + ` FROM operations WHERE status <> 'PREPARING' AND n > ?1 ORDER BY n LIMIT ?2`
	}
	return `SELECT ` + operationColumns + ` FROM operations WHERE status <> 'PREPARING' AND n < ?1 ORDER BY n DESC LIMIT ?2`
}

// RunningOperations implements engine.OperationList.
func (r *Registry) RunningOperations(ctx context.Context) (ops []engine.Operation, err error) {
	return r.operationsWhere(ctx, `status = 'RUNNING'`)
}

// UnsettledOperations implements engine.OperationList.
func (r *Registry) UnsettledOperations(ctx context.Context) (ops []engine.Operation, err error) {
	return r.operationsWhere(ctx, `unsettled <> 0`)
}

func (r *Registry) operationsWhere(ctx context.Context, condition string) (ops []engine.Operation, err error) {
	err = r.read(ctx, "list what operations go on", func(c *conn) error {
		return c.Each(`SELECT `+operationColumns+` FROM operations WHERE `+condition+` ORDER BY n`, func(s *sqlite3.Stmt) error {
			op, err := scanOperation(s)
			ops = append(ops, op)
			return err
		})
	})
	return ops, err
}

// OperationItems implements engine.OperationList.
func (r *Registry) OperationItems(ctx context.Context, id string, p engine.Page, outcome engine.OperationOutcome) (out engine.List[engine.OperationItem], err error) {
	err = r.read(ctx, "list the items of operation "+id, func(c *conn) error {
		n, err := c.Number(`SELECT n FROM operations WHERE id = ?`, id)
		if err != nil {
			return err
		}
		l := list[engine.OperationItem]{kind: 'i', sql: operationItemsSQL(outcome != ""), args: []any{n}, scan: func(s *sqlite3.Stmt) (engine.OperationItem, error) {
			return engine.OperationItem{N: s.ColumnInt(0), MailRef: engine.MailRef{Direction: engine.Direction(s.ColumnText(1)), SessionID: s.ColumnText(2), ID: s.ColumnText(3)},
				Outcome: engine.OperationOutcome(s.ColumnText(4)), Problem: database.OptionalText(s, 5), RetriedAs: database.OptionalText(s, 6)}, nil
		}}
		if outcome != "" {
			l.args = append(l.args, string(outcome))
		}
		out, err = l.page(c, p)
		return err
	})
	return out, err
}

func operationItemsSQL(outcome bool) func(up bool) string {
	where := "operation_items WHERE operation = ?3 AND "
	if outcome {
		where = "operation_items INDEXED BY operation_items_by_outcome WHERE operation = ?3 AND outcome = ?4 AND "
	}
	return func(up bool) string {
		compare, order := "<", " DESC"
		if up {
			compare, order = ">", ""
		}
		return `SELECT n, direction, session_id, mail_id, outcome, problem, retried_as FROM ` + where + `n ` + compare + ` ?1 ORDER BY n` + order + ` LIMIT ?2`
	}
}

// SettleOperation implements engine.OperationList.
func (r *Registry) SettleOperation(ctx context.Context, id string, items []engine.OperationItem, now time.Time) (op engine.Operation, err error) {
	err = r.write(ctx, "store what became of items of operation "+id, func(c *conn) error {
		n, err := c.Number(`SELECT n FROM operations WHERE id = ?`, id)
		if err != nil {
			return err
		}
		done, refused := int64(0), int64(0)
		for _, item := range items {
			changed, err := c.Run(`UPDATE operation_items SET outcome = ?3, problem = ?4, retried_as = ?5 WHERE operation = ?1 AND n = ?2 AND outcome = 'PENDING'`,
				n, item.N, string(item.Outcome), item.Problem, item.RetriedAs)
			if err != nil {
				return err
			}
			if item.Outcome == engine.OutcomeDone {
				done += changed
			} else {
				refused += changed
			}
		}
		if _, err := c.Run(`UPDATE operations SET done = done + ?2, refused = refused + ?3 WHERE n = ?1`, n, done, refused); err != nil {
			return err
		}
		if _, err := c.Run(`UPDATE operations SET status = 'COMPLETED', ended_at = ?2 WHERE n = ?1 AND status = 'RUNNING'
			AND NOT EXISTS (SELECT 1 FROM operation_items WHERE operation = ?1 AND outcome = 'PENDING')`, n, now.UnixMilli()); err != nil {
			return err
		}
		op, err = operation(c, id)
		return err
	})
	return op, err
}

// CancelOperation implements engine.OperationList.
func (r *Registry) CancelOperation(ctx context.Context, id string, now time.Time) (op engine.Operation, err error) {
	err = r.write(ctx, "cancel operation "+id, func(c *conn) error {
		_, err := c.Run(`UPDATE operations SET status = 'CANCELLED', ended_at = ?2, unsettled = 1 WHERE id = ?1 AND status = 'RUNNING'`, id, now.UnixMilli())
		if err == nil {
			op, err = operation(c, id)
		}
		return err
	})
	return op, err
}

// OperationSettled implements engine.OperationList.
func (r *Registry) OperationSettled(ctx context.Context, id string) error {
	return r.write(ctx, "note that all is stored of operation "+id, func(c *conn) error {
		_, err := c.Run(`UPDATE operations SET unsettled = 0 WHERE id = ? AND unsettled <> 0`, id)
		return err
	})
}

// PruneOperations implements engine.OperationList.
func (r *Registry) PruneOperations(ctx context.Context, keep int) (more bool, err error) {
	r.preparing.Lock()
	defer r.preparing.Unlock()
	n := int64(0)
	err = r.read(ctx, "look for old operations", func(c *conn) error {
		if n, err = c.Number(`SELECT coalesce(max(n), 0) FROM operations WHERE status = 'PREPARING'`); err != nil || n > 0 {
			return err
		}
		n, err = c.Number(`SELECT coalesce(max(n), 0) FROM (SELECT n FROM operations WHERE status IN ('COMPLETED', 'CANCELLED') ORDER BY n DESC LIMIT 1 OFFSET ?)`, keep)
		return err
	})
	if err != nil || n == 0 {
		return false, err
	}
	return true, r.write(ctx, "remove an old operation", func(c *conn) error {
		removed, err := c.Run(`DELETE FROM operation_items WHERE operation = ?1 AND n IN (SELECT n FROM operation_items WHERE operation = ?1 ORDER BY n LIMIT ?2)`, n, operationBatch)
		if err == nil && removed < operationBatch {
			_, err = c.Run(`DELETE FROM operations WHERE n = ?`, n)
		}
		return err
	})
}
