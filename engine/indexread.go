package engine

import (
	"context"
	"slices"
	"time"
)

// follow reads what events told of a session: what is behind its cursors, and
// the ids. What is new in one of which much is missing is read by its ids, too.
func (x *indexer) follow(ctx context.Context, sessionID string, c change) error {
	s, err := x.e.registry.Session(ctx, sessionID)
	if CodeOf(err) == CodeNotFound {
		return x.forget(ctx, sessionID)
	}
	if err != nil {
		return err
	}
	for limit, byID := indexPage, false; ; limit = 0 {
		done, err := x.indexed(ctx, s)
		if err != nil {
			return err
		}
		if done.Owed != nil && !byID {
			limit, byID = 0, true
			c.Messages = append(c.Messages, c.written...)
		}
		n, m := min(indexPage, len(c.Messages)), min(indexPage, len(c.Replies))
		if limit+n+m == 0 {
			return nil
		}
		some := MailIDs{Messages: distinct(c.Messages[:n]), Replies: distinct(c.Replies[:m])}
		c.Messages, c.Replies = c.Messages[n:], c.Replies[m:]
		more, err := x.read(ctx, s, done, some, limit)
		if err != nil {
			return err
		}
		if more && limit > 0 {
			done.Owed = new(int64(NothingUnended))
		}
		if x.batch.full() {
			if err := x.breathe(ctx); err != nil {
				return err
			}
		}
	}
}

// read reads up to limit rows of each direction behind a session's cursors,
// and the ids. more: there are more behind the cursors.
func (x *indexer) read(ctx context.Context, s Session, done *IndexedSession, ids MailIDs, limit int) (more bool, err error) {
	news, err := x.e.mailboxes.News(ctx, s, done.Messages, done.Replies, ids, limit)
	if err != nil {
		if ctx.Err() != nil {
			return false, err
		}
		// Its next event, or walk, comes back to it.
		x.e.log.Warn("read a session for the index", "session", s.ID, "error", err)
		return false, nil
	}
	if news.Problem != nil {
		x.e.log.Debug("read a session's replies for the index", "session", s.ID, "error", news.Problem)
	}
	if err := x.add(ctx, s, news); err != nil {
		return false, err
	}
	done.Messages, done.Replies = news.MessagesEnd, news.RepliesEnd
	return news.More, nil
}

func distinct(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// breathe flushes and rests, in the middle of something.
func (x *indexer) breathe(ctx context.Context) error {
	if err := x.flush(ctx, false); err != nil {
		return err
	}
	x.pause(ctx, 0)
	return ctx.Err()
}

// forget removes some of a session that is no more from the index.
func (x *indexer) forget(ctx context.Context, sessionID string) error {
	delete(x.batch.sessions, sessionID)
	x.batch.mail = slices.DeleteFunc(x.batch.mail, func(m IndexedMail) bool { return m.SessionID == sessionID })
	more, err := x.index.Forget(ctx, sessionID)
	x.owes = x.owes || more
	return err
}

// indexed is a session's part of the batch.
func (x *indexer) indexed(ctx context.Context, s Session) (*IndexedSession, error) {
	if done := x.batch.sessions[s.ID]; done != nil {
		return done, nil
	}
	done, err := x.index.IndexedSession(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	done.ID, done.AgentGroupID = s.ID, s.AgentGroupID
	if x.batch.sessions == nil {
		x.batch.sessions = map[string]*IndexedSession{}
	}
	x.batch.sessions[s.ID] = &done
	return &done, nil
}

// add adds what was read to the batch.
func (x *indexer) add(ctx context.Context, s Session, news News) error {
	now := x.e.now()
	var own *string
	if s.MessagingGroupID != nil {
		g, err := x.e.registry.MessagingGroup(ctx, *s.MessagingGroupID)
		if err != nil {
			return err
		}
		own = &g.ChannelType
	}
	hit := func(d Direction, id, kind string, at *time.Time, r Route) SearchHit {
		h := SearchHit{Direction: d, SessionID: s.ID, AgentGroupID: s.AgentGroupID, ID: id, Kind: kind, ChannelType: r.ChannelType, At: now}
		if at != nil && at.Before(now) {
			h.At = *at
		}
		if h.ChannelType == nil {
			h.ChannelType = own
		}
		return h
	}
	for _, m := range news.Messages {
		mail := IndexedMail{SearchHit: hit(DirectionIn, m.ID, m.Kind, m.Timestamp, m.Route), Seq: seqOf(m.Seq), Content: m.Content}
		mail.MessageStatus, mail.Retried = m.Status, m.RetriedAs != nil
		if m.Status == MessagePending && m.Trigger {
			mail.WaitsFrom = &mail.At
			if m.ProcessAfter != nil {
				mail.WaitsFrom = m.ProcessAfter
			}
		}
		x.batch.add(mail)
	}
	for _, r := range news.Replies {
		mail := IndexedMail{SearchHit: hit(DirectionOut, r.ID, r.Kind, r.Timestamp, r.Route), Seq: seqOf(r.Seq), Content: r.Content}
		mail.DeliveryStatus = r.Delivery.Status
		if r.InReplyTo != nil {
			mail.InReplyTo = *r.InReplyTo
		}
		x.batch.add(mail)
	}
	return nil
}

func (b *indexBatch) add(m IndexedMail) {
	b.mail = append(b.mail, m)
	b.bytes += len(m.Content)
}

func seqOf(seq *int64) int64 {
	if seq == nil {
		return 0
	}
	return *seq
}
