package engine

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// answersBehind is how many replies are looked through that the index of mail
// has not come to.
const answersBehind = 256

// Answers lists the replies to a message, in order of seq, forward only. Which
// they are is in the index; what a session has written since is looked at too.
func (e *Engine) Answers(ctx context.Context, m Message, p Page) (List[Reply], error) {
	l := List[Reply]{HasPrevious: p.Cursor != ""}
	if e.indexer == nil {
		return l, errNoIndex()
	}
	if err := p.check(); err != nil {
		return l, err
	}
	after, ok := parseAnswerPlace(p.Cursor)
	if !ok {
		return l, InvalidField("after", "after is not a cursor of this list")
	}
	s, err := e.registry.Session(ctx, m.SessionID)
	if err != nil {
		return l, err
	}
	// Before the places: what is indexed meanwhile is found twice, not never.
	indexed, err := e.indexer.index.IndexedSession(ctx, s.ID)
	if err != nil {
		return l, err
	}
	places, err := e.indexer.index.Answers(ctx, s.ID, m.ID, after, p.Limit+1)
	if err != nil {
		return l, err
	}
	ids := make([]string, len(places))
	for i, place := range places {
		ids[i] = place.ID
	}
	replies, more, err := e.mailboxes.Answers(ctx, s, m.ID, ids, indexed.Replies, answersBehind)
	if err != nil {
		return l, err
	}
	slices.SortStableFunc(replies, func(a, b Reply) int { return answerPlace(a).compare(answerPlace(b)) })
	replies = slices.CompactFunc(replies, func(a, b Reply) bool { return a.ID == b.ID })
	l.HasNext = more || len(places) > p.Limit
	for _, r := range replies {
		if answerPlace(r).compare(after) <= 0 {
			continue
		}
		if len(l.Items) == p.Limit {
			l.HasNext = true
			break
		}
		l.Add(r, answerPlace(r).cursor())
	}
	return l, nil
}

func answerPlace(r Reply) AnswerPlace { return AnswerPlace{Seq: seqOf(r.Seq), ID: r.ID} }

func (p AnswerPlace) compare(q AnswerPlace) int {
	return cmp.Or(cmp.Compare(p.Seq, q.Seq), cmp.Compare(p.ID, q.ID))
}

func (p AnswerPlace) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.Seq, 10) + " " + p.ID))
}

func parseAnswerPlace(cursor string) (p AnswerPlace, ok bool) {
	if cursor == "" {
		return AnswerPlace{Seq: -1}, true
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return p, false
	}
	seq, id, ok := strings.Cut(string(b), " ")
	if p.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil || !ok || p.Seq < 0 {
		return p, false
	}
	p.ID = id
	return p, p.cursor() == cursor
}
