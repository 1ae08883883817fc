package engine

import (
	"context"
	"errors"
)

// WriteSystemResponseInput answers a question that an agent asked.
type WriteSystemResponseInput struct {
	SessionID string
	// MessageID nil is made by the engine.
	MessageID *string
	RequestID string
	Status    string
	// Result is JSON as encoding/json decodes it into an any.
	Result any
}

// WriteSystemResponse writes the answer to a question as a message of kind
// "system" (protocol: "Content"). It is acknowledged like WriteMessage, and
// runs no hooks.
func (e *Engine) WriteSystemResponse(ctx context.Context, in WriteSystemResponseInput) (*Message, error) {
	if err := first(checkText("requestId", in.RequestID, maxMessageIDBytes), checkText("status", in.Status, maxNameBytes)); err != nil {
		return nil, err
	}
	content := map[string]any{"type": "question_response", "questionId": in.RequestID, "status": in.Status, "result": in.Result}
	if result, ok := in.Result.(map[string]any); ok {
		// Newer containers read these at the top level.
		for _, name := range []string{"selectedOption", "userId"} {
			if v, ok := result[name]; ok {
				content[name] = v
			}
		}
	}
	m, _, err := e.writeOne(ctx, WriteMessageInput{SessionID: in.SessionID, MessageID: in.MessageID, Kind: "system", Content: content, Trigger: true}, false)
	if e, ok := errors.AsType[*Error](err); ok && len(e.Field) > 0 && e.Field[0] == "content" {
		return nil, &Error{Code: e.Code, Message: e.Message, Field: []string{"result"}, Err: e.Err}
	}
	return m, err
}
