package sessions

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// maxMarks bounds the marks that are read of one message or reply.
const maxMarks = 100

// marked tells whether an operation did its work on a message or reply.
func (in *inbox) marked(d engine.Direction, id string, mark *engine.OperationMark) (did bool, retriedAs *string, err error) {
	if has, err := in.hasTable("engine_operation"); err != nil || !has {
		return false, nil, err
	}
	did, err = in.queryRow(func(st *sqlite3.Stmt) { retriedAs = (&row{st: st}).text(0) },
		"SELECT "+column("retried_as", maxText)+" FROM engine_operation WHERE mail_id = ? AND direction = ? AND operation_id = ? AND retry_of IS NULL",
		id, string(d), mark.OperationID)
	return did, retriedAs, err
}

// leaveMark notes it.
func (in *inbox) leaveMark(d engine.Direction, id string, mark *engine.OperationMark, retriedAs, retryOf *string) error {
	if err := in.exec(operationSchema); err != nil {
		return err
	}
	return in.exec(`INSERT INTO engine_operation (mail_id, direction, operation_id, action, reason, at, retried_as, retry_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, string(d), mark.OperationID, string(mark.Action), mark.Reason, mark.At, retriedAs, retryOf)
}

func (in *inbox) removeMark(d engine.Direction, id string, mark *engine.OperationMark) error {
	return in.exec(`DELETE FROM engine_operation WHERE mail_id = ? AND direction = ? AND operation_id = ?`, id, string(d), mark.OperationID)
}

// OperationMarks reads marks. See engine.OperationMarks.
func (s *Store) OperationMarks(ctx context.Context, sess engine.Session, d engine.Direction, id string) (marks []engine.OperationMark, err error) {
	err = s.read(ctx, sess, func(m *mailbox) error {
		marks = nil
		if has, err := hasTable(m.inbound, "engine_operation"); err != nil || !has {
			return err
		}
		st, _, err := m.inbound.Prepare("SELECT " + column("operation_id", maxText) + ", " + column("action", maxText) + ", " + column("reason", maxText) + ", " +
			column("at", maxText) + ", " + column("retried_as", maxText) + ", " + column("retry_of", maxText) +
			" FROM engine_operation WHERE mail_id = ? AND direction = ? ORDER BY operation_id LIMIT ?")
		if err != nil {
			return err
		}
		defer st.Close()
		if err := bind(st, []any{id, string(d), int64(maxMarks)}); err != nil {
			return err
		}
		for st.Step() {
			r := &row{st: st}
			mark := engine.OperationMark{OperationID: r.or(0), Action: engine.OperationAction(r.or(1)), Reason: r.or(2), At: r.time(3, "at"), RetriedAs: r.text(4), RetryOf: r.text(5)}
			switch mark.Action {
			case engine.OperationRetry, engine.OperationPause, engine.OperationResume, engine.OperationCancel, engine.OperationDiscard:
				marks = append(marks, mark)
			}
		}
		return st.Err()
	})
	return marks, err
}
