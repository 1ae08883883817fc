package graph

import (
	"context"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

// messageTraces are of the messages of one list.
func (r *resolver) messageTraces(sessionID string, list []engine.Message) *model.Traces {
	return model.NewTraces(func(ctx context.Context) (map[string]*engine.HookTrace, error) {
		return r.engine.MessageTraces(ctx, sessionID, list)
	})
}

// replyTraces are of the replies of one list.
func (r *resolver) replyTraces(sessionID string, list []engine.Reply) *model.Traces {
	return model.NewTraces(func(ctx context.Context) (map[string]*engine.HookTrace, error) {
		return r.engine.ReplyTraces(ctx, sessionID, list)
	})
}

// messageTrace is what hooks did to a message; nil is not known.
func (r *resolver) messageTrace(ctx context.Context, m *model.Message) (*engine.HookTrace, error) {
	traces := m.Traces
	if traces == nil { // it is in no list
		traces = r.messageTraces(m.SessionID, []engine.Message{m.Message})
	}
	return traces.Of(ctx, m.Message.ID)
}

// replyTrace is messageTrace for a reply.
func (r *resolver) replyTrace(ctx context.Context, m *model.Reply) (*engine.HookTrace, error) {
	traces := m.Traces
	if traces == nil {
		traces = r.replyTraces(m.SessionID, []engine.Reply{m.Reply})
	}
	return traces.Of(ctx, m.Reply.ID)
}
