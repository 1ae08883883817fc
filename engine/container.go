package engine

import (
	"context"
	"time"
)

// Containers is what the engine does to a folder around a container's life.
type Containers interface {
	// ContainerStarting makes the folder ready: rolls back what a crash of the
	// engine left on inbound.db, projects, and removes the old heartbeat.
	ContainerStarting(ctx context.Context, s Session, p Projection) error
	// ContainerGone tidies after a container that no longer runs: rolls back a
	// hot journal on outbound.db, copies acknowledgements, removes orphaned
	// claims. A lock that somebody still holds there is CodeUnavailable; what is
	// too damaged to be tidied is logged and left.
	ContainerGone(ctx context.Context, s Session) error
	// Recover rolls back what a crash of the engine left on inbound.db, and
	// copies acknowledgements. For sessions whose container may be running.
	Recover(ctx context.Context, s Session) error
	// Heartbeat is when the container last touched its heartbeat file, never
	// in the future; nil if there is no such regular file.
	Heartbeat(ctx context.Context, s Session) (*time.Time, error)
}

// MarkContainer records what an orchestrator did with a session's container.
// From STOPPED to another status, the folder is made ready first; to STOPPED,
// it is tidied: STOPPED is a promise that no process of it runs.
// One that the engine started is the engine's to mark STOPPED: CodeConflict.
func (e *Engine) MarkContainer(ctx context.Context, sessionID string, status ContainerStatus) (Session, error) {
	return e.mark(ctx, sessionID, status, false)
}

func (e *Engine) mark(ctx context.Context, sessionID string, status ContainerStatus, waker bool) (Session, error) {
	done, err := e.begin()
	if err != nil {
		return Session{}, err
	}
	defer done()
	switch status {
	case ContainerRunning, ContainerIdle, ContainerStopped:
	default:
		return Session{}, InvalidField("status", "%q is not a container status", clip(string(status)))
	}
	unlock, err := e.gates.lock(ctx, sessionID)
	if err != nil {
		return Session{}, err
	}
	defer unlock()
	s, err := e.registry.Session(ctx, sessionID)
	if err != nil {
		return Session{}, withField(err, "sessionId")
	}
	claim := e.life.claimOf(sessionID)
	switch {
	case status == ContainerStopped && !waker && claim != nil && claim.Owner == wakerOwner:
		return Session{}, Errorf(CodeConflict, "the engine itself runs the container of session %s, and would start a second one", sessionID).In("sessionId")
	case status == ContainerStopped:
		// Tidied also when it was marked so before: a container that was
		// started by hand leaves as much behind.
		err = e.mailboxes.ContainerGone(ctx, s)
	case s.Status == SessionClosed:
		return Session{}, sessionClosed(s)
	case s.ContainerStatus == ContainerStopped && !e.life.mayRun(claim, e.now()): // else the claim did it
		err = e.project(ctx, s, e.mailboxes.ContainerStarting)
	}
	if err == nil {
		err = e.life.note(ctx, sessionID, never)
	}
	if err != nil {
		return Session{}, err
	}
	before := s.ContainerStatus
	s, err = e.registry.SetContainerStatus(ctx, sessionID, status)
	if err == nil {
		e.life.marked(s)
	}
	if err == nil && status == ContainerStopped {
		e.deliverer.lookAgain(s.ID, e.now()) // its last replies
	}
	if err == nil && before != status {
		e.emit(Event{Type: EventSessionUpdated, SessionID: s.ID})
	}
	return s, err
}

// Heartbeat is when a session's container last touched its heartbeat file;
// nil if it has not.
func (e *Engine) Heartbeat(ctx context.Context, s Session) (*time.Time, error) {
	return e.mailboxes.Heartbeat(ctx, s)
}
