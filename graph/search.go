package graph

import (
	"context"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

func searchHit(h engine.SearchHit) model.SearchHit { return model.SearchHit{SearchHit: h} }

// withMailID narrows a filter by the id of a message or reply of the API, if
// it has one. One that contradicts the rest stays, and finds nothing.
func withMailID(f engine.SearchFilter) engine.SearchFilter {
	d, session, id, ok := model.MailID(f.ID)
	if ok && (f.Direction == "" || f.Direction == d) && (f.SessionID == "" || f.SessionID == session) {
		f.Direction, f.SessionID, f.ID = d, session, id
	}
	return f
}

// attention translates what may need somebody.
func (r *resolver) attention(ctx context.Context, a engine.Attention) (model.Attention, error) {
	out := model.Attention{
		FailedReplies:    model.AttentionMail{AttentionMail: a.FailedReplies},
		UnsettledReplies: model.AttentionMail{AttentionMail: a.UnsettledReplies},
		FailedMessages:   model.AttentionMail{AttentionMail: a.FailedMessages},
		WaitingMessages:  model.AttentionMail{AttentionMail: a.WaitingMessages},
		StuckContainers:  model.AttentionSessions{Count: len(a.Stuck), Sessions: []engine.Session{}},
		Hooks:            make([]model.Hook, len(a.Hooks)),
		Index:            a.Index,
	}
	for _, id := range a.Stuck[:min(len(a.Stuck), engine.MaxPage)] {
		s, err := found(r.engine.Session(ctx, id))
		if err != nil {
			return model.Attention{}, err
		}
		if s != nil { // it was archived meanwhile
			out.StuckContainers.Sessions = append(out.StuckContainers.Sessions, *s)
		}
	}
	for i, h := range a.Hooks {
		out.Hooks[i] = model.Hook{Hook: h}
	}
	return out, nil
}
