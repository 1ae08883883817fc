package engine

import (
	"context"
	"errors"
	"strings"
)

// RestoreSessionInput names an archive.
type RestoreSessionInput struct {
	// SessionID is of the session that is in it.
	SessionID string
	// Closed restores it as a closed session, to be read.
	Closed bool
}

// RestoreSession makes an archived session one like any other again, under its
// id, and removes the archive. It is active unless it is to be closed. What is
// in the archive is checked first; nothing that exists is written over: an id,
// a folder or a conversation that is taken is CodeConflict.
func (e *Engine) RestoreSession(ctx context.Context, in RestoreSessionInput) (Session, error) {
	done, err := e.begin()
	if err != nil {
		return Session{}, err
	}
	defer done()
	if !SafeID(in.SessionID) || !strings.HasPrefix(in.SessionID, SessionIDPrefix) {
		return Session{}, InvalidField("sessionId", "%q is not a session's id", clip(in.SessionID))
	}
	unlock, err := e.gates.lock(ctx, in.SessionID)
	if err != nil {
		return Session{}, err
	}
	defer unlock()
	if _, err := e.registry.Session(ctx, in.SessionID); CodeOf(err) != CodeNotFound {
		if err == nil {
			err = Errorf(CodeConflict, "session %s exists", in.SessionID).In("sessionId")
		}
		return Session{}, err
	}
	s, err := e.mailboxes.ReadArchive(ctx, in.SessionID)
	if err != nil {
		return Session{}, withField(err, "sessionId")
	}
	now := e.now()
	s.ContainerStatus, s.LastActive, s.Status = ContainerStopped, &now, SessionActive
	if in.Closed {
		s.Status = SessionClosed
	}
	if err := e.restorable(ctx, s); err != nil {
		return Session{}, err
	}
	if err := e.restore(ctx, s); err != nil {
		return Session{}, err
	}
	e.emit(Event{Type: EventSessionRestored, SessionID: s.ID})
	e.life.restore(Work{Session: s, Due: &now})
	e.mailboxes.Expect(s)
	e.deliverer.lookAgain(s.ID, now)
	if s.Status == SessionActive {
		if err := e.project(ctx, s, e.mailboxes.Project); err != nil {
			e.log.Warn("project destinations into a restored session", "session", s.ID, "error", err)
		}
	}
	if err := e.mailboxes.RemoveArchive(ctx, s.ID); err != nil {
		e.log.Warn("remove the archive of a session that was restored", "session", s.ID, "error", err)
	}
	return s, nil
}

// restorable finds out before anything is done whether the registry would take
// the session.
func (e *Engine) restorable(ctx context.Context, s Session) error {
	if _, err := e.registry.AgentGroup(ctx, s.AgentGroupID); err != nil {
		return err
	}
	if s.MessagingGroupID != nil {
		if _, err := e.registry.MessagingGroup(ctx, *s.MessagingGroupID); err != nil {
			return err
		}
	}
	key, keyed := s.Key()
	if !keyed || s.Status == SessionClosed {
		return nil
	}
	other, err := e.registry.FindSession(ctx, key)
	if err == nil {
		return Errorf(CodeConflict, "the conversation of session %s goes on in session %s: close that one, or restore this one as closed", s.ID, other.ID).In("sessionId")
	}
	if CodeOf(err) == CodeNotFound {
		return nil
	}
	return err
}

// restore makes the folder, then the registry's row. What a crash in between
// leaves is known to be a folder that nobody needs.
func (e *Engine) restore(ctx context.Context, s Session) error {
	a, err := e.registry.ArchivedSession(ctx, s.ID)
	switch {
	case err == nil && a.FolderLeft:
		if err := e.removeArchivedFolder(ctx, a); err != nil {
			return err
		}
	case err != nil && CodeOf(err) != CodeNotFound:
		return err
	case err != nil: // it was archived elsewhere
		a = ArchivedSession{SessionID: s.ID, ArchivedAt: e.now()}
	}
	a.AgentGroupID, a.FolderLeft = s.AgentGroupID, true
	if err := e.mailboxes.Unarchive(ctx, s, func() error { return e.registry.NoteArchiveFolder(ctx, a) }); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what was begun is ended
	if err = e.registry.RestoreSession(ctx, s); err == nil {
		return nil
	}
	return errors.Join(err, e.removeArchivedFolder(ctx, a))
}
