package engine

import (
	"context"
	"time"
)

// Work is a session that has, or may have, something to do: messages that
// wait, now or later, or a container that may be running.
type Work struct {
	Session Session
	// Due is no later than what falls due first; nil if nothing does.
	Due *time.Time
	// Claim is who may run the container, nil if nobody does. It may have
	// expired.
	Claim *ContainerClaim
}

// ContainerClaim is the right to run a session's container.
type ContainerClaim struct {
	Owner string
	// Until is when it expires; nil is never.
	Until *time.Time
}

// held tells whether nobody but the owner may have it.
func (c *ContainerClaim) held(now time.Time) bool {
	return c != nil && (c.Until == nil || now.Before(*c.Until))
}

// WorkList remembers what sessions have to do, so that it is found after a
// crash without a look at their folders. Its methods may be called
// concurrently; what they changed is durable when they return.
type WorkList interface {
	// NoteWork notes that a session has something to do, at due or, where that
	// is nil, at no known time. An earlier due that was noted before stays.
	NoteWork(ctx context.Context, sessionID string, due *time.Time) error
	// ClearWork notes that it has nothing to do, and nobody has its container.
	ClearWork(ctx context.Context, sessionID string) error
	// Work lists by session id, behind after.
	Work(ctx context.Context, after string, limit int) ([]Work, error)
	// ClaimContainer records a claim, and notes work, unless somebody else's
	// claim has not expired. SetContainerStatus to STOPPED removes it.
	ClaimContainer(ctx context.Context, sessionID string, c ContainerClaim, now time.Time) (claimed bool, err error)
	// MoveClaim has a claim that is for a time end at another one. What is claimed
	// otherwise meanwhile stays so.
	MoveClaim(ctx context.Context, sessionID string, c ContainerClaim, until time.Time) error
}

// Pulse is what can be seen of a session from outside. All of it may be the
// container's invention but Next and Pending.
type Pulse struct {
	// Due: a message waits that ought to wake the container, and the container
	// has not taken it.
	Due bool
	// Next is when a further one falls due; unset while Due.
	Next *time.Time
	// Pending: there are messages that are neither completed nor failed.
	Pending bool
	// Claims are the times of messages that the container works on, at most
	// some hundred.
	Claims []time.Time
	// ToolTimeout is what the running tool declared; 0 if none did.
	ToolTimeout time.Duration
	// Heartbeat is when the heartbeat file was touched, which may be in the
	// future; nil if there is none.
	Heartbeat *time.Time
}

// Pulses are what can be seen of sessions.
type Pulses interface {
	// Pulse reads a session's databases, if they are not as they were when it
	// last did. What the container made unreadable counts as if it were not
	// there. The claims are not to be changed.
	Pulse(ctx context.Context, s Session) (Pulse, error)
	// Working reads what the container says that it does.
	Working(ctx context.Context, s Session) (Working, error)
	// Expect has it noticed what the container acknowledges.
	Expect(s Session)
}

// Working is what a container says that it does. A time that is none, or lies
// in the future, is nil.
type Working struct {
	// Claims are the messages that it works on, in their order, at most a
	// hundred.
	Claims []MessageClaim
	// Tool is what it runs; nil if it names none.
	Tool *ContainerTool
}

// MessageClaim is a message that a container works on.
type MessageClaim struct {
	SessionID, MessageID string
	ClaimedAt            *time.Time
}

// ContainerTool is a tool that a container runs. Timeout is nil if it declared
// none.
type ContainerTool struct {
	Name      string
	StartedAt *time.Time
	Timeout   *time.Duration
}

// Working tells what a session's container says that it does.
func (e *Engine) Working(ctx context.Context, s Session) (Working, error) {
	return e.mailboxes.Working(ctx, s)
}
