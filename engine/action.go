package engine

import (
	"context"
	"maps"
	"time"
)

// Action carries out what an agent asks of the engine, by a reply of kind
// "system" whose content has its name as "action". request is that content. A
// result that is not nil is told to the agent. An *Error fails the reply with
// its message, unless it is CodeUnavailable: then it is tried again. It is
// called again too when the engine died before the outcome was stored, so the
// second time is to change nothing: id is the same then.
type Action func(ctx context.Context, e *Engine, s Session, id string, request map[string]any) (result any, err error)

// ownActions are those on an agent's own tasks.
func ownActions() map[string]Action {
	return map[string]Action{
		"schedule_task": scheduleTask,
		"list_tasks":    listTasks,
		"pause_task":    onTask((*Engine).PauseMessage),
		"resume_task":   onTask((*Engine).ResumeMessage),
		"cancel_task":   onTask((*Engine).CancelMessage),
		"update_task":   updateTask,
	}
}

func actions(more map[string]Action) map[string]Action {
	all := ownActions()
	maps.Copy(all, more)
	return all
}

// carryOut does what a reply of kind "system" asks for, and settles it.
func (e *Engine) carryOut(ctx context.Context, s Session, out Outgoing) error {
	value, _ := decodeJSON(out.Content)
	request, _ := value.(map[string]any)
	name, _ := request["action"].(string)
	action := e.actions[name]
	if action == nil {
		return e.settle(ctx, s, out.ID, verdict{state: DispatchFailed, reason: "the engine knows no action \"" + clip(name) + "\""}, nil)
	}
	id := deliveryID(s.ID, out.ID)
	result, err := action(ctx, e, s, id, request)
	if err == nil && result != nil {
		err = e.tellResult(ctx, s, id, name, out.ID, result)
	}
	switch {
	case err == nil:
		return e.settle(ctx, s, out.ID, verdict{state: DispatchDelivered}, nil)
	case CodeOf(err) == CodeUnavailable || CodeOf(err) == CodeInternal:
		return e.putOff(ctx, s, out.ID, &SendError{Reason: publicReason(err)}, true)
	}
	return e.settle(ctx, s, out.ID, verdict{state: DispatchFailed, reason: publicReason(err)}, nil)
}

func (e *Engine) tellResult(ctx context.Context, s Session, id, action, replyID string, result any) error {
	message, none := "result-"+id, Some[*string](nil)
	var r WriteResult
	e.write(ctx, s.ID, []WriteMessageInput{{SessionID: s.ID, MessageID: &message, Kind: "system", PlatformID: none, ChannelType: none, ThreadID: none,
		Content: map[string]any{"type": "action_result", "action": action, "replyId": replyID, "result": result}}}, []*WriteResult{&r}, false)
	if CodeOf(r.Err) == CodeConflict {
		return nil // told before a crash
	}
	return r.Err
}

func scheduleTask(ctx context.Context, e *Engine, s Session, id string, request map[string]any) (any, error) {
	prompt, ok := request["prompt"].(string)
	if !ok {
		return nil, InvalidField("prompt", "schedule_task needs a prompt, which is text")
	}
	content := map[string]any{"prompt": prompt}
	if script, ok := request["script"].(string); ok {
		content["script"] = script
	}
	task := "task-" + id
	if given := requestText(request, "taskId"); given != nil {
		task = *given
	}
	in := WriteMessageInput{SessionID: s.ID, MessageID: &task, Kind: "task", Content: content, Trigger: true,
		Recurrence: requestText(request, "recurrence"), TimeZone: requestText(request, "timeZone")}
	if at := requestText(request, "processAfter"); at != nil {
		t, err := ParseTime(*at)
		if err != nil {
			return nil, InvalidField("processAfter", "%s", err)
		}
		in.ProcessAfter = &t
	}
	var r WriteResult
	e.write(ctx, s.ID, []WriteMessageInput{in}, []*WriteResult{&r}, true)
	return map[string]any{"taskId": task}, r.Err
}

func requestText(request map[string]any, name string) *string {
	if v, ok := request[name].(string); ok && v != "" {
		return &v
	}
	return nil
}

// tasks are the messages of kind "task" that wait or are paused, at most a
// hundred of the newest.
func (e *Engine) tasks(ctx context.Context, s Session) ([]Message, error) {
	l, err := e.mailboxes.Messages(ctx, s, Page{Limit: MaxPage, Backward: true}, []MessageStatus{MessagePending, MessagePaused, MessageProcessing})
	var tasks []Message
	for _, m := range l.Items {
		if m.Kind == "task" {
			tasks = append(tasks, m)
		}
	}
	return tasks, err
}

// taskID is what an agent calls a task by, whichever of its runs is next.
func taskID(m Message) string {
	if m.SeriesID != nil {
		return *m.SeriesID
	}
	return m.ID
}

func listTasks(ctx context.Context, e *Engine, s Session, _ string, _ map[string]any) (any, error) {
	tasks, err := e.tasks(ctx, s)
	list := make([]any, 0, len(tasks))
	for _, m := range tasks {
		list = append(list, taskShown(m))
	}
	return list, err
}

// taskShown is what an agent is told of a task.
func taskShown(m Message) map[string]any {
	value, _ := decodeJSON(m.Content)
	task := map[string]any{"taskId": taskID(m), "status": string(m.Status), "content": value}
	if m.ProcessAfter != nil {
		task["processAfter"] = m.ProcessAfter.Format(time.RFC3339)
	}
	for name, text := range map[string]*string{"recurrence": m.Recurrence, "timeZone": m.TimeZone} {
		if text != nil {
			task[name] = *text
		}
	}
	return task
}

func onTask(act func(e *Engine, ctx context.Context, sessionID, messageID string) (Message, error)) Action {
	return func(ctx context.Context, e *Engine, s Session, _ string, request map[string]any) (any, error) {
		id, err := e.taskAsked(ctx, s, request)
		if err == nil {
			_, err = act(e, ctx, s.ID, id)
		}
		return nil, err
	}
}

// taskAsked returns the id of a task's message, any of its series. Messages
// that are no tasks are not the agent's to act on.
func (e *Engine) taskAsked(ctx context.Context, s Session, request map[string]any) (string, error) {
	id := requestText(request, "taskId")
	if id == nil {
		return "", InvalidField("taskId", "give the taskId, which is text")
	}
	m, err := e.mailboxes.Message(ctx, s, *id)
	if err == nil && m.Kind == "task" {
		return m.ID, nil
	}
	if err != nil && CodeOf(err) != CodeNotFound {
		return "", err
	}
	tasks, err := e.tasks(ctx, s)
	if err != nil {
		return "", err
	}
	for _, m := range tasks { // another host may have removed the first of its series
		if taskID(m) == *id {
			return m.ID, nil
		}
	}
	return "", Errorf(CodeNotFound, "there is no task %q", clip(*id))
}
