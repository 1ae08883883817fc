package engine

import (
	"context"
	"maps"
	"time"
)

// taskUpdate is what an agent wants changed of a task: what is not set stays.
type taskUpdate struct {
	prompt               *string
	script               Omittable[*string]
	processAfter         *time.Time
	recurrence, timeZone Omittable[*string]
}

func taskUpdateOf(request map[string]any) (u taskUpdate, err error) {
	prompt, err := requestChange(request, "prompt", false)
	if err != nil {
		return u, err
	}
	u.prompt = prompt.Value
	at, err := requestChange(request, "processAfter", false)
	if err != nil {
		return u, err
	}
	if at.Set {
		t, err := ParseTime(*at.Value)
		if err != nil {
			return u, InvalidField("processAfter", "%s", err)
		}
		u.processAfter = &t
	}
	for name, to := range map[string]*Omittable[*string]{"script": &u.script, "recurrence": &u.recurrence, "timeZone": &u.timeZone} {
		if *to, err = requestChange(request, name, true); err != nil {
			return u, err
		}
	}
	if u == (taskUpdate{}) {
		return u, Errorf(CodeInvalidInput, "update_task changes prompt, script, processAfter, recurrence or timeZone; give one of them")
	}
	return u, nil
}

// requestChange is a text that may be left out and, if nullable, null.
func requestChange(request map[string]any, name string, nullable bool) (o Omittable[*string], err error) {
	v, present := request[name]
	text, isText := v.(string)
	switch {
	case !present:
	case isText:
		o = Some(&text)
	case v == nil && nullable:
		o.Set = true
	default:
		err = InvalidField(name, "%s must be text", name)
	}
	return o, err
}

// updateTask carries out the action "update_task".
func updateTask(ctx context.Context, e *Engine, s Session, _ string, request map[string]any) (any, error) {
	u, err := taskUpdateOf(request)
	if err != nil {
		return nil, err
	}
	id, err := e.taskAsked(ctx, s, request)
	if err != nil {
		return nil, err
	}
	m, err := e.updateMessage(ctx, s.ID, id, func(ctx context.Context, s Session, m *MessageUpdate) error {
		if err := u.schedule(&m.Message, e.now()); err != nil || u.prompt == nil && !u.script.Set {
			return err
		}
		return e.rewrite(ctx, s, m, u)
	})
	if err != nil {
		return nil, err
	}
	return taskShown(m), nil
}

// schedule sets when a task runs. One that recurs in another way runs next
// when that says, unless it is told when.
func (u taskUpdate) schedule(m *Message, now time.Time) error {
	if u.recurrence.Set {
		m.Recurrence = u.recurrence.Value
	}
	switch {
	case u.timeZone.Set:
		m.TimeZone = u.timeZone.Value
	case m.Recurrence == nil:
		m.TimeZone = nil
	}
	if m.Recurrence == nil && m.TimeZone != nil {
		return InvalidField("timeZone", "a time zone belongs to a recurrence; there is none")
	}
	if m.Recurrence != nil && (u.recurrence.Set || u.timeZone.Set) {
		next, err := NextRun(*m.Recurrence, m.TimeZone, now)
		if err != nil {
			return err
		}
		m.ProcessAfter = &next
	}
	if u.processAfter != nil {
		m.ProcessAfter = u.processAfter
	}
	return checkTime("processAfter", m.ProcessAfter)
}

// rewrite changes the content as its sender gave it, and takes that through
// the hooks as if it came anew.
func (e *Engine) rewrite(ctx context.Context, s Session, m *MessageUpdate, u taskUpdate) error {
	value, _ := decodeJSON(m.Given)
	object, ok := value.(map[string]any)
	if !ok {
		object = map[string]any{}
		if u.prompt == nil {
			object["prompt"] = m.Given
		}
	}
	object = maps.Clone(object)
	if u.prompt != nil {
		object["prompt"] = *u.prompt
	}
	switch {
	case u.script.Value != nil:
		object["script"] = *u.script.Value
	case u.script.Set:
		delete(object, "script")
	}
	content, err := parseContent(m.Kind, object)
	if err != nil {
		return err
	}
	if len(content.Attachments) > 0 {
		return InvalidField("content", "the task's content has an attachment that was not put away")
	}
	if int64(len(content.Text)) > e.limits.ContentBytes {
		return ContentTooLarge(int64(len(content.Text)), e.limits.ContentBytes)
	}
	now := e.now()
	d := Draft{ID: m.ID, Made: true, Kind: m.Kind, Route: m.Route, Trigger: m.Trigger, OnWake: m.OnWake, SourceSessionID: m.SourceSessionID, received: now, Timestamp: now, Content: content}
	m.Given = content.Text
	if err := e.runMessageHooks(ctx, s, &d); err != nil {
		return err
	}
	m.trace = d.trace
	if d.Dropped {
		return Errorf(CodeHookRejected, "a hook took the new content; the task is as it was")
	}
	if len(d.Content.Attachments) > 0 {
		return Errorf(CodeHookFailed, "a hook added an attachment to the new content, which a task cannot take; it is as it was")
	}
	m.Content = d.Content.Text
	return nil
}

// updateMessage changes a message that waits, and has it seen to in time.
func (e *Engine) updateMessage(ctx context.Context, sessionID, messageID string, change func(context.Context, Session, *MessageUpdate) error) (Message, error) {
	unlock, err := e.gates.rlock(ctx, sessionID)
	if err != nil {
		return Message{}, err
	}
	defer unlock()
	s, err := e.activeSession(ctx, sessionID)
	if err != nil {
		return Message{}, err
	}
	now := e.now()
	var trace *HookTrace
	m, err := e.mailboxes.UpdateMessage(ctx, s, messageID, func(ctx context.Context, m *MessageUpdate) error {
		if err := change(ctx, s, m); err != nil {
			return err
		}
		trace = m.trace
		// Before it is stored: it must not be answered and then forgotten.
		return e.life.note(ctx, s.ID, dueAt(m.Message, now))
	})
	if err != nil {
		return Message{}, err
	}
	if m.Seq != nil {
		e.tracer.written(&trace, *m.Seq, e.now())
	}
	e.emit(Event{Type: EventMessageUpdated, SessionID: s.ID, MessageID: m.ID})
	e.registry.Touch(s.ID, now)
	if m.Trigger && m.Status == MessagePending {
		e.life.wrote(s, dueAt(m, now))
	}
	return m, nil
}

func dueAt(m Message, now time.Time) time.Time {
	if m.ProcessAfter == nil {
		return now
	}
	return *m.ProcessAfter
}
