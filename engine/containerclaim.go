package engine

import (
	"context"
	"fmt"
	"time"
)

const (
	maxOwnerBytes     = 256
	maxContainerLease = 24 * time.Hour
)

// ClaimContainerInput asks for the right to run a session's container.
type ClaimContainerInput struct {
	SessionID string
	// Owner names who asks. The same owner may ask again, to have it longer.
	Owner string
	// Lease is how long, from now.
	Lease time.Duration
}

// ClaimContainer gives the right to run a session's container to one owner
// for a while, and makes the folder ready for its start. claimed is false if
// somebody else has it, or marked a container as running without a claim.
// What expired may be taken over: then the container that it was for counts
// as gone; what expired while the machine slept, a while later. MarkContainer
// to STOPPED gives it back.
func (e *Engine) ClaimContainer(ctx context.Context, in ClaimContainerInput) (claimed bool, s Session, err error) {
	if err := checkText("owner", in.Owner, maxOwnerBytes); err != nil {
		return false, Session{}, err
	}
	if in.Lease < time.Second || in.Lease > maxContainerLease {
		return false, Session{}, InvalidField("leaseSeconds", "leaseSeconds must be 1 to %d", int(maxContainerLease.Seconds()))
	}
	if in.Owner == wakerOwner {
		return false, Session{}, InvalidField("owner", "%q is the engine itself", in.Owner)
	}
	until := e.now().Add(in.Lease)
	return e.claim(ctx, in.SessionID, ContainerClaim{Owner: in.Owner, Until: &until})
}

func (e *Engine) claim(ctx context.Context, sessionID string, c ContainerClaim) (claimed bool, s Session, err error) {
	done, err := e.begin()
	if err != nil {
		return false, Session{}, err
	}
	defer done()
	unlock, err := e.gates.lock(ctx, sessionID)
	if err != nil {
		return false, Session{}, err
	}
	defer unlock()
	if s, err = e.registry.Session(ctx, sessionID); err != nil {
		return false, Session{}, withField(err, "sessionId")
	}
	if s.Status == SessionClosed {
		return false, Session{}, sessionClosed(s)
	}
	now := e.now()
	held := e.life.claimOf(sessionID)
	mayRun := e.life.mayRun(held, now)
	switch {
	case mayRun && held.Owner != c.Owner, held == nil && s.ContainerStatus != ContainerStopped:
		return false, s, nil
	case mayRun: // its own: longer
	default:
		if s, err = e.makeReady(ctx, s); err != nil {
			return false, Session{}, err
		}
	}
	claimed, err = e.registry.ClaimContainer(ctx, sessionID, c, now)
	if err == nil && !claimed {
		err = fmt.Errorf("claim the container of session %s: the registry knows of another claim", sessionID)
	}
	if err != nil {
		return false, Session{}, err
	}
	e.life.claimed(sessionID, c)
	return true, s, nil
}

// makeReady tidies after the container before, and readies the folder for the
// next.
func (e *Engine) makeReady(ctx context.Context, s Session) (Session, error) {
	err := e.mailboxes.ContainerGone(ctx, s)
	if err == nil && s.ContainerStatus != ContainerStopped {
		// Whoever ran it has lost it.
		if s, err = e.registry.SetContainerStatus(ctx, s.ID, ContainerStopped); err == nil {
			e.life.marked(s)
			e.deliverer.lookAgain(s.ID, e.now()) // what it replied last
			e.emit(Event{Type: EventSessionUpdated, SessionID: s.ID})
		}
	}
	if err == nil {
		err = e.project(ctx, s, e.mailboxes.ContainerStarting)
	}
	return s, err
}
