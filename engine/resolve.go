package engine

import (
	"context"
	"reflect"
)

// Folders makes and removes session folders.
type Folders interface {
	// Create makes a session's folder with both databases, durably. A folder
	// that exists is CodeConflict.
	Create(ctx context.Context, s Session, p Projection) error
	// Discard removes a folder that was made for a session nobody was told of.
	Discard(ctx context.Context, s Session) error
	// Project replaces destinations and routing in a session's folder.
	Project(ctx context.Context, s Session, p Projection) error
}

// ResolveSessionInput names a conversation.
type ResolveSessionInput struct {
	AgentGroupID     string
	MessagingGroupID *string
	ThreadID         *string
	// Mode "" is ModeShared.
	Mode SessionMode
}

// ResolveSession finds the active session of a conversation, or makes it.
// SHARED and PER_THREAD without a messaging group have nothing to look up by
// and make a new one each time.
func (e *Engine) ResolveSession(ctx context.Context, in ResolveSessionInput) (s Session, created bool, err error) {
	done, err := e.begin()
	if err != nil {
		return Session{}, false, err
	}
	defer done()
	s, err = sessionOf(in)
	if err != nil {
		return Session{}, false, err
	}
	key, keyed := s.Key()
	if keyed {
		// Found is the common case; a session of the key implies that the
		// groups it names exist.
		if found, err := e.registry.FindSession(ctx, key); CodeOf(err) != CodeNotFound {
			return found, false, err
		}
		// The unique index decides; this only keeps many callers at once from
		// making folders that all but one would have to throw away.
		unlock, err := e.resolving.lock(ctx, key.comparable())
		if err != nil {
			return Session{}, false, err
		}
		defer unlock()
		if found, err := e.registry.FindSession(ctx, key); CodeOf(err) != CodeNotFound {
			return found, false, err
		}
	}
	if _, err := e.registry.AgentGroup(ctx, in.AgentGroupID); err != nil {
		return Session{}, false, withField(err, "agentGroupId")
	}
	if in.MessagingGroupID != nil {
		if _, err := e.registry.MessagingGroup(ctx, *in.MessagingGroupID); err != nil {
			return Session{}, false, withField(err, "messagingGroupId")
		}
	}
	if err := e.create(ctx, &s); err != nil {
		if keyed && CodeOf(err) == CodeConflict {
			found, err := e.registry.FindSession(ctx, key)
			return found, false, err
		}
		return Session{}, false, err
	}
	e.emit(Event{Type: EventSessionCreated, SessionID: s.ID})
	return s, true, nil
}

// create makes the folder, then the registry's row: a crash in between leaves
// a folder that nobody was told of, never a session without a folder.
func (e *Engine) create(ctx context.Context, s *Session) error {
	s.ID, s.CreatedAt = newID(SessionIDPrefix), e.now()
	if err := e.runSessionHooks(ctx, s); err != nil {
		return err
	}
	p, err := e.projection(ctx, *s)
	if err != nil {
		return err
	}
	if err := e.mailboxes.Create(ctx, *s, p); err != nil {
		return err
	}
	if err := e.registry.CreateSession(ctx, *s); err != nil {
		if derr := e.mailboxes.Discard(context.WithoutCancel(ctx), *s); derr != nil {
			e.log.Error("discard the folder of a session that was not made", "session", s.ID, "error", derr)
		}
		return err
	}
	// From here on a change of destinations reaches the session; one that fell
	// between the two steps above did not.
	now, err := e.projection(ctx, *s)
	if err == nil && !reflect.DeepEqual(p, now) {
		err = e.project(ctx, *s, e.mailboxes.Project)
	}
	if err != nil {
		e.log.Warn("project destinations into a new session", "session", s.ID, "error", err)
	}
	return nil
}

func sessionOf(in ResolveSessionInput) (Session, error) {
	s := Session{AgentGroupID: in.AgentGroupID, Mode: in.Mode, Status: SessionActive, ContainerStatus: ContainerStopped, Labels: []string{}}
	if err := checkOptionalText("threadId", in.ThreadID, maxThreadIDBytes); err != nil {
		return Session{}, err
	}
	switch in.Mode {
	case ModeAgentShared:
		// Belongs to no chat: whichever resolved it first must not matter.
	case ModeShared, "":
		s.Mode, s.MessagingGroupID = ModeShared, in.MessagingGroupID
	case ModePerThread:
		s.MessagingGroupID, s.ThreadID = in.MessagingGroupID, in.ThreadID
	default:
		return Session{}, InvalidField("mode", "%q is not a session mode", clip(string(in.Mode)))
	}
	return s, nil
}

// Session returns the session of an id, or CodeNotFound.
func (e *Engine) Session(ctx context.Context, id string) (Session, error) {
	return e.registry.Session(ctx, id)
}

// Sessions lists sessions, newest first.
func (e *Engine) Sessions(ctx context.Context, p Page, f SessionFilter) (List[Session], error) {
	if err := p.check(); err != nil {
		return List[Session]{}, err
	}
	return e.registry.Sessions(ctx, p, f)
}

// CloseSession makes a session refuse messages and be found no more; its
// folder stays. When it returns, no write to it is under way. Closing a
// closed session changes nothing.
func (e *Engine) CloseSession(ctx context.Context, sessionID string) (Session, error) {
	done, err := e.begin()
	if err != nil {
		return Session{}, err
	}
	defer done()
	unlock, err := e.gates.lock(ctx, sessionID)
	if err != nil {
		return Session{}, err
	}
	defer unlock()
	s, err := e.registry.Session(ctx, sessionID)
	if err == nil {
		s, err = e.closeSession(ctx, s)
	}
	return s, withField(err, "sessionId")
}

// closeSession closes a session whose gate is locked.
func (e *Engine) closeSession(ctx context.Context, before Session) (Session, error) {
	s, err := e.registry.CloseSession(ctx, before.ID, e.now())
	if err == nil && before.Status != s.Status {
		e.life.closed(s.ID)
		e.emit(Event{Type: EventSessionClosed, SessionID: s.ID})
	}
	return s, err
}

func (e *Engine) activeSession(ctx context.Context, id string) (Session, error) {
	s, err := e.registry.Session(ctx, id)
	if err != nil {
		return Session{}, withField(err, "sessionId")
	}
	if s.Status == SessionClosed {
		return Session{}, sessionClosed(s)
	}
	return s, nil
}

func sessionClosed(s Session) error {
	return &Error{Code: CodeSessionClosed, Field: []string{"sessionId"},
		Message: "session " + s.ID + " is closed; resolve the conversation again for a new one"}
}
