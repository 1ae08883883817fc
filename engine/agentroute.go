package engine

import (
	"context"
	"sync"
	"time"
)

// What one agent group may send to another, so that two that answer each
// other for ever do so slowly (lesson 24).
const (
	agentMessages = 30
	agentWindow   = time.Minute
)

// pairs count what agent groups send to each other.
type pairs struct {
	mu   sync.Mutex // guards sent
	sent map[[2]string]pairCount
}

type pairCount struct {
	began time.Time
	n     int
}

// take counts a message, or returns how long to wait.
func (p *pairs) take(from, to string, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]string{from, to}
	c := p.sent[key]
	if age := now.Sub(c.began); age < 0 || age >= agentWindow {
		c = pairCount{began: now}
	}
	if c.n == agentMessages {
		return agentWindow - now.Sub(c.began)
	}
	c.n++
	if p.sent == nil {
		p.sent = map[[2]string]pairCount{}
	}
	p.sent[key] = c
	return 0
}

// reaches tells whether agents of a session may write to an agent group: their
// own, or a destination.
func reaches(s Session, p Projection, agentGroupID string) bool {
	if agentGroupID == s.AgentGroupID {
		return true
	}
	for _, d := range p.Destinations {
		if d.TargetAgentGroup != nil && d.TargetAgentGroup.ID == agentGroupID {
			return true
		}
	}
	return false
}

// sendToAgent writes a reply into a session of the agent group that it is for.
// The message's id follows from the reply's, so it is written once, whatever
// crashes in between.
func (e *Engine) sendToAgent(ctx context.Context, s Session, out Outgoing) error {
	to := text(out.Route.PlatformID)
	if wait := e.pairs.take(s.AgentGroupID, to, e.now()); wait > 0 {
		return e.putOff(ctx, s, out.ID, &SendError{Reason: "the two agent groups write to each other too often", RetryAfter: wait}, true)
	}
	target, found, err := e.agentSession(ctx, s, out.Reply, to)
	if err != nil {
		return err
	}
	if !found {
		return e.settle(ctx, s, out.ID, verdict{state: DispatchFailed, reason: "agent group " + clip(to) + " has no active session"}, nil)
	}
	content, err := e.agentContent(ctx, s, out.Reply)
	if err != nil {
		return err
	}
	id, channel := "agent-"+deliveryID(s.ID, out.ID), wayAgent
	var r WriteResult
	e.write(ctx, target.ID, []WriteMessageInput{{SessionID: target.ID, MessageID: &id, Kind: "chat", Content: content, Trigger: true, SourceSessionID: &s.ID,
		PlatformID: Some(&s.AgentGroupID), ChannelType: Some(&channel), ThreadID: Some[*string](nil)}}, []*WriteResult{&r}, true)
	switch CodeOf(r.Err) {
	case "", CodeConflict: // it was written before a crash, with the same files under other names
		return e.settle(ctx, s, out.ID, verdict{state: DispatchDelivered}, &id)
	case CodeUnavailable, CodeInternal, CodeHookFailed:
		return e.putOff(ctx, s, out.ID, &SendError{Reason: publicReason(r.Err)}, true)
	}
	return e.settle(ctx, s, out.ID, verdict{state: DispatchFailed, reason: publicReason(r.Err)}, nil)
}

// agentSession is where a reply to an agent group belongs: in the session that
// the message came from which it answers, else in that of the newest message
// from there, else in the newest (protocol: "Life of a reply").
func (e *Engine) agentSession(ctx context.Context, s Session, r Reply, agentGroupID string) (Session, bool, error) {
	var ids []string
	if r.InReplyTo != nil {
		m, err := e.mailboxes.Message(ctx, s, *r.InReplyTo)
		if err != nil && CodeOf(err) != CodeNotFound {
			return Session{}, false, err
		}
		if m.SourceSessionID != nil {
			ids = append(ids, *m.SourceSessionID)
		}
	}
	if len(ids) == 0 {
		newest, err := e.newestFrom(ctx, s, agentGroupID)
		if err != nil {
			return Session{}, false, err
		}
		ids = append(ids, newest)
	}
	for _, id := range ids {
		// The container can write there what it likes: no further than it may.
		if t, err := e.registry.Session(ctx, id); err == nil && t.AgentGroupID == agentGroupID && t.Status == SessionActive {
			return t, true, nil
		}
	}
	l, err := e.registry.Sessions(ctx, Page{Limit: 2}, SessionFilter{AgentGroupID: agentGroupID, Status: SessionActive})
	if err != nil {
		return Session{}, false, err
	}
	for _, t := range l.Items {
		if t.ID != s.ID || len(l.Items) == 1 {
			return t, true, nil
		}
	}
	return Session{}, false, nil
}

// newestFrom is the session of the newest message from an agent group, "" if
// there is none among the newest hundred.
func (e *Engine) newestFrom(ctx context.Context, s Session, agentGroupID string) (string, error) {
	l, err := e.mailboxes.Messages(ctx, s, Page{Limit: MaxPage, Backward: true}, nil)
	if err != nil {
		return "", err
	}
	for i := len(l.Items) - 1; i >= 0; i-- {
		m := l.Items[i]
		if m.SourceSessionID != nil && text(m.Route.ChannelType) == wayAgent && text(m.Route.PlatformID) == agentGroupID {
			return *m.SourceSessionID, nil
		}
	}
	return "", nil
}

// agentContent is a reply's content as a message's, with its files attached.
func (e *Engine) agentContent(ctx context.Context, s Session, r Reply) (any, error) {
	value, _ := decodeJSON(r.Content)
	object, ok := value.(map[string]any)
	if !ok {
		return r.Content, nil
	}
	delete(object, "files")
	delete(object, "attachments") // files of its own session's inbox
	files, err := e.mailboxes.ReplyAttachments(ctx, s, r)
	if err != nil || len(files) == 0 {
		return object, err
	}
	list := make([]any, 0, len(files))
	for _, f := range files {
		upload, err := e.copyFile(ctx, s, f.Path)
		if err != nil {
			return nil, err
		}
		list = append(list, map[string]any{"name": f.Name, "uploadId": upload.ID})
	}
	object["attachments"] = list
	return object, nil
}

func (e *Engine) copyFile(ctx context.Context, s Session, path string) (Upload, error) {
	f, err := e.mailboxes.OpenAttachment(ctx, s, path)
	if err != nil {
		return Upload{}, err
	}
	defer f.Close()
	return e.mailboxes.SaveUpload(ctx, f)
}
