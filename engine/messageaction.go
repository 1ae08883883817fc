package engine

import "context"

// MessageAction is what an operator does with a message.
type MessageAction string

const (
	// ActionPause holds back a message that waits.
	ActionPause MessageAction = "PAUSE"
	// ActionResume lets a message that is held back wait again.
	ActionResume MessageAction = "RESUME"
	// ActionCancel calls off a message that waits or is held back, and its
	// series with it.
	ActionCancel MessageAction = "CANCEL"
	// ActionRetry writes a message that has ended again, under a new id.
	ActionRetry MessageAction = "RETRY"
	// ActionDiscard calls off a message that failed, and nothing else.
	ActionDiscard MessageAction = "DISCARD"
)

// MessageUpdate is a message that is being changed: its Content, ProcessAfter,
// Recurrence and TimeZone may be.
type MessageUpdate struct {
	// Message is as it is stored, and is to be stored.
	Message
	// Given is the content as its sender gave it, before hooks.
	Given string

	trace *HookTrace // of the hooks that were asked
}

// MessageAct is an action on one message.
type MessageAct struct {
	MessageID string
	Action    MessageAction
	// NewID is the id of the new one, for ActionRetry.
	NewID string
	// Mark is kept with what is done, where it is not nil; where it is there
	// already nothing is done again.
	Mark *OperationMark
}

// ActResult is what became of a MessageAct.
type ActResult struct {
	Message Message
	Err     error
}

// MessageActor changes what becomes of messages.
type MessageActor interface {
	// ActOnMessages carries out actions, in order, and answers each with its own
	// result: the message as it is then, durably, for ActionRetry the new one.
	// What cannot be done any more is CodeConflict with the reason; what the
	// container claimed cannot be taken from it. An action that was carried out
	// before is done. Pausing, resuming and cancelling a message of a series
	// that has ended is for the run that goes on, which is returned.
	ActOnMessages(ctx context.Context, s Session, acts []MessageAct) []ActResult
	// UpdateMessage lets change have a message that waits or is paused, or the
	// run that goes on of its series, stores what it makes of it and returns
	// that. It may be asked again. What it returns as an error, it fails with;
	// what waits no more is CodeConflict, and what changed meanwhile
	// CodeUnavailable.
	UpdateMessage(ctx context.Context, s Session, messageID string, change func(context.Context, *MessageUpdate) error) (Message, error)
}

// PauseMessage holds back a message that waits; a recurring one, with its
// series, whichever of its messages is named. What the container works on or
// has done is CodeConflict.
func (e *Engine) PauseMessage(ctx context.Context, sessionID, messageID string) (Message, error) {
	return e.act(ctx, sessionID, messageID, ActionPause)
}

// ResumeMessage lets a paused message wait for the container again.
func (e *Engine) ResumeMessage(ctx context.Context, sessionID, messageID string) (Message, error) {
	return e.act(ctx, sessionID, messageID, ActionResume)
}

// CancelMessage calls off a message that waits or is paused. If it recurs, or
// is of a series, that goes on no more; a run that the container works on is
// its last.
func (e *Engine) CancelMessage(ctx context.Context, sessionID, messageID string) (Message, error) {
	return e.act(ctx, sessionID, messageID, ActionCancel)
}

// RetryMessage writes a message that was completed, failed or cancelled once
// more, under a new id in the same series, as its acknowledgement is in the
// way of the old one. It returns the new one.
func (e *Engine) RetryMessage(ctx context.Context, sessionID, messageID string) (Message, error) {
	return e.act(ctx, sessionID, messageID, ActionRetry)
}

// DiscardMessage calls off a message that failed, so that nobody is to look at
// it any more; of a series, that run alone.
func (e *Engine) DiscardMessage(ctx context.Context, sessionID, messageID string) (Message, error) {
	return e.act(ctx, sessionID, messageID, ActionDiscard)
}

func (e *Engine) act(ctx context.Context, sessionID, messageID string, a MessageAction) (Message, error) {
	if err := checkText("messageId", messageID, maxMessageIDBytes); err != nil {
		return Message{}, err
	}
	results, err := e.actOnMessages(ctx, sessionID, []MessageAct{{MessageID: messageID, Action: a}})
	if err != nil {
		return Message{}, err
	}
	return results[0].Message, results[0].Err
}

// actOnMessages carries out one kind of action on several messages. With an
// error, none was.
func (e *Engine) actOnMessages(ctx context.Context, sessionID string, acts []MessageAct) ([]ActResult, error) {
	done, err := e.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	for i := range acts {
		acts[i].NewID = newID("msg-")
	}
	unlock, err := e.gates.rlock(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	a := acts[0].Action
	wakes := a == ActionResume || a == ActionRetry
	var s Session
	if wakes {
		s, err = e.activeSession(ctx, sessionID)
	} else if s, err = e.registry.Session(ctx, sessionID); err != nil {
		err = withField(err, "sessionId")
	}
	if err != nil {
		return nil, err
	}
	if wakes {
		// Before it is done: it must not be answered and then forgotten.
		if err := e.life.note(ctx, s.ID, e.now()); err != nil {
			return nil, err
		}
	}
	results := e.mailboxes.ActOnMessages(ctx, s, acts)
	for i, r := range results {
		if r.Err == nil {
			e.acted(s, acts[i], r.Message)
		}
	}
	return results, nil
}

// acted tells of an action that was carried out.
func (e *Engine) acted(s Session, act MessageAct, m Message) {
	a := act.Action
	if a == ActionRetry {
		e.emit(Event{Type: EventMessageWritten, SessionID: s.ID, MessageID: m.ID})
		e.emit(Event{Type: EventMessageUpdated, SessionID: s.ID, MessageID: act.MessageID})
	} else {
		e.emit(Event{Type: EventMessageUpdated, SessionID: s.ID, MessageID: m.ID})
	}
	if a != ActionResume && a != ActionRetry {
		return
	}
	e.registry.Touch(s.ID, e.now())
	if m.Trigger && m.ProcessAfter == nil {
		e.life.wrote(s, e.now())
	} else if m.Trigger {
		e.life.wrote(s, *m.ProcessAfter)
	}
}
