package index

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

const answersSQL = `SELECT seq, id FROM mail WHERE s = (SELECT s FROM sessions WHERE id = ?1) AND in_reply_to = ?2 AND (seq, id) > (?3, ?4)
	ORDER BY seq, id LIMIT ?5`

// Answers implements engine.MailIndex.
func (x *Index) Answers(ctx context.Context, sessionID, messageID string, after engine.AnswerPlace, limit int) (places []engine.AnswerPlace, err error) {
	err = x.read(ctx, "list the replies to message "+messageID, func(c *database.Conn) error {
		places = nil
		return c.Each(answersSQL, func(s *sqlite3.Stmt) error {
			places = append(places, engine.AnswerPlace{Seq: s.ColumnInt64(0), ID: s.ColumnText(1)})
			return nil
		}, sessionID, messageID, after.Seq, after.ID, limit)
	})
	return places, err
}
