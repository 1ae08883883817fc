package engine

import (
	"context"
	"slices"
	"time"
)

// catchUp reads what the index lacks of a session: what is behind its cursors,
// and the ids. gone: the session is no more.
func (x *indexer) catchUp(ctx context.Context, sessionID string, ids MailIDs, gone bool) error {
	s, err := x.e.registry.Session(ctx, sessionID)
	if CodeOf(err) == CodeNotFound {
		gone = true
	} else if err != nil {
		return err
	} else if gone { // and was restored since
		return x.catchUp(ctx, sessionID, ids, false)
	}
	if gone {
		return x.forget(ctx, sessionID)
	}
	for more := true; more; {
		done, err := x.indexed(ctx, s)
		if err != nil {
			return err
		}
		n := min(indexPage, len(ids.Messages))
		m := min(indexPage, len(ids.Replies))
		some := MailIDs{Messages: distinct(ids.Messages[:n]), Replies: distinct(ids.Replies[:m])}
		ids.Messages, ids.Replies = ids.Messages[n:], ids.Replies[m:]
		news, err := x.e.mailboxes.News(ctx, s, done.Messages, done.Replies, some, indexPage)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			// Its next event, or walk, comes back to it.
			x.e.log.Warn("read a session for the index", "session", s.ID, "error", err)
			return nil
		}
		if news.Problem != nil {
			x.e.log.Debug("read a session's replies for the index", "session", s.ID, "error", news.Problem)
		}
		if err := x.add(ctx, s, news); err != nil {
			return err
		}
		done.Messages, done.Replies = news.MessagesEnd, news.RepliesEnd
		more = news.More || len(ids.Messages)+len(ids.Replies) > 0
		if len(x.batch.mail) >= indexRows {
			if err := x.breathe(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func distinct(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// breathe flushes and rests, in the middle of something.
func (x *indexer) breathe(ctx context.Context) error {
	began := time.Now()
	if err := x.flush(ctx, false); err != nil {
		return err
	}
	x.rest += indexIdle * time.Since(began)
	x.pause(ctx)
	return ctx.Err()
}

// forget removes a session from the index, little by little.
func (x *indexer) forget(ctx context.Context, sessionID string) error {
	delete(x.batch.sessions, sessionID)
	x.batch.mail = slices.DeleteFunc(x.batch.mail, func(m IndexedMail) bool { return m.SessionID == sessionID })
	for more := true; more; {
		var err error
		if more, err = x.index.Forget(ctx, sessionID); err != nil {
			return err
		}
		if more {
			if err := x.breathe(ctx); err != nil {
				return err
			}
		}
	}
	return nil
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
		mail.MessageStatus = m.Status
		if m.Status == MessagePending && m.Trigger {
			mail.WaitsFrom = &mail.At
			if m.ProcessAfter != nil {
				mail.WaitsFrom = m.ProcessAfter
			}
		}
		x.batch.mail = append(x.batch.mail, mail)
	}
	for _, r := range news.Replies {
		mail := IndexedMail{SearchHit: hit(DirectionOut, r.ID, r.Kind, r.Timestamp, r.Route), Seq: seqOf(r.Seq), Content: r.Content}
		mail.DeliveryStatus = r.Delivery.Status
		if r.InReplyTo != nil {
			mail.InReplyTo = *r.InReplyTo
		}
		x.batch.mail = append(x.batch.mail, mail)
	}
	return nil
}

func seqOf(seq *int64) int64 {
	if seq == nil {
		return 0
	}
	return *seq
}

// walk goes on over all sessions. Those whose files were written since are
// read on, with what was not at its end; at last, those that are no more are
// removed.
func (x *indexer) walk(ctx context.Context) error {
	w := *x.place.Walk
	l, err := x.e.registry.Sessions(ctx, Page{Limit: MaxPage, Cursor: w.Cursor}, SessionFilter{})
	if err != nil {
		return err
	}
	for _, s := range l.Items {
		at, err := x.e.mailboxes.Modified(s)
		if err == nil && at.Before(w.Since) {
			continue
		}
		if err := x.again(ctx, s.ID); err != nil {
			return err
		}
	}
	if l.HasNext {
		w.Cursor = l.Cursors[len(l.Cursors)-1]
		x.place.Walk = &w
		return nil
	}
	if err := x.sweep(ctx); err != nil {
		return err
	}
	x.place.Walk = nil
	return nil
}

// again catches up with a session whose events are missing.
func (x *indexer) again(ctx context.Context, sessionID string) error {
	if err := x.catchUp(ctx, sessionID, MailIDs{}, false); err != nil {
		return err
	}
	for after := int64(0); ; {
		ids, next, err := x.index.Unended(ctx, sessionID, after, indexPage)
		if err != nil || next == 0 {
			return err
		}
		if err := x.catchUp(ctx, sessionID, ids, false); err != nil {
			return err
		}
		after = next
	}
}

// sweep removes sessions that are archived.
func (x *indexer) sweep(ctx context.Context) error {
	for after := ""; ; {
		ids, err := x.index.IndexedSessions(ctx, after, MaxPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			_, err := x.e.registry.Session(ctx, id)
			if CodeOf(err) == CodeNotFound {
				err = x.forget(ctx, id)
			}
			if err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}
