package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	// maxTries is how many containers may die over a message.
	maxTries = 5
	// firstRetry is doubled with each try.
	firstRetry = 5 * time.Second
)

// countTries notes that a container died over what it had claimed (lesson 34).
// A crash between this and the claims' removal counts nothing twice: the claim
// that was counted is kept.
func (s *Store) countTries(ctx context.Context, sess engine.Session, r round) error {
	var failed, waiting []claim
	for _, c := range r.claims {
		if c.tries+1 >= maxTries {
			failed = append(failed, c)
		} else {
			waiting = append(waiting, c)
		}
	}
	if len(waiting) > 0 {
		var counted []claim
		err := s.do(ctx, sess, func(in *inbox) (err error) {
			counted, err = in.retryClaims(waiting, r.now)
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range counted {
			s.opts.Events.Put(engine.Event{Type: engine.EventMessageUpdated, SessionID: sess.ID, MessageID: c.id})
		}
	}
	var endings []ending
	for _, c := range failed {
		for _, was := range []string{"pending", "paused"} {
			endings = append(endings, ending{id: c.id, was: was, status: "failed", at: r.now, recurs: c.recurs,
				reason: fmt.Sprintf("its container died over it %d times", c.tries+1)})
		}
	}
	_, err := s.end(ctx, sess, &r, endings)
	return err
}

func (in *inbox) retryClaims(claims []claim, now time.Time) (counted []claim, err error) {
	if err := in.exec(triedSchema); err != nil {
		return nil, err
	}
	for _, c := range claims {
		err := in.exec(`INSERT INTO engine_tried (message_id, claim) VALUES (?1, ?2)
			ON CONFLICT (message_id) DO UPDATE SET claim = ?2 WHERE claim <> ?2`, c.id, c.at)
		if err != nil {
			return nil, err
		}
		if in.conn.Changes() == 0 {
			continue
		}
		tries := max(c.tries, 0) + 1
		err = in.exec(`UPDATE messages_in SET tries = ?, process_after = ? WHERE id = ? AND status IN ('pending', 'paused')`,
			tries, now.Add(firstRetry<<tries), c.id)
		if err != nil {
			return nil, err
		}
		counted = append(counted, c)
	}
	return counted, nil
}
