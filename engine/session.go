package engine

import (
	"context"
	"time"
)

// SessionMode says which conversations share a session.
type SessionMode string

const (
	// ModeShared: one session for each agent group and messaging group.
	ModeShared SessionMode = "SHARED"
	// ModePerThread: one for each agent group, messaging group and thread.
	ModePerThread SessionMode = "PER_THREAD"
	// ModeAgentShared: one for each agent group.
	ModeAgentShared SessionMode = "AGENT_SHARED"
)

// SessionStatus says whether a session takes messages.
type SessionStatus string

const (
	SessionActive SessionStatus = "ACTIVE"
	SessionClosed SessionStatus = "CLOSED"
)

// ContainerStatus is what the orchestrator last said of a session's container.
type ContainerStatus string

const (
	ContainerRunning ContainerStatus = "RUNNING"
	ContainerIdle    ContainerStatus = "IDLE"
	ContainerStopped ContainerStatus = "STOPPED"
)

// Session is one conversation: a folder with two databases.
type Session struct {
	ID               string
	AgentGroupID     string
	MessagingGroupID *string
	ThreadID         *string
	Mode             SessionMode
	Status           SessionStatus
	ContainerStatus  ContainerStatus
	Labels           []string
	// LastActive is a hint: it may lag by a second, and a crash may lose it.
	LastActive *time.Time
	CreatedAt  time.Time

	// shown is what hooks see of it, nil where that was not made. What it has
	// does not change in a session's life.
	shown *shownSession
}

// Folder is the session's folder, relative to the data directory.
func (s Session) Folder() string { return "v2-sessions/" + s.AgentGroupID + "/" + s.ID }

// SessionKey is what active sessions are unique by. The zero fields that a
// mode does not look at stay zero.
type SessionKey struct {
	Mode             SessionMode
	AgentGroupID     string
	MessagingGroupID string
	// ThreadID nil is a key of its own: the chat outside of any thread.
	ThreadID *string
}

// Key returns what the session is found by, and false for one that cannot be
// found: SHARED and PER_THREAD without a messaging group.
func (s Session) Key() (SessionKey, bool) {
	k := SessionKey{Mode: s.Mode, AgentGroupID: s.AgentGroupID}
	if s.Mode == ModeAgentShared {
		return k, true
	}
	if s.MessagingGroupID == nil {
		return SessionKey{}, false
	}
	k.MessagingGroupID = *s.MessagingGroupID
	if s.Mode == ModePerThread {
		k.ThreadID = s.ThreadID
	}
	return k, true
}

// comparable returns a key that == compares by what the thread is called.
func (k SessionKey) comparable() SessionKey {
	if k.ThreadID != nil {
		k.MessagingGroupID += "\x00" + *k.ThreadID
		k.ThreadID = nil
	}
	return k
}

// SessionPlace is where a session's folder is.
type SessionPlace struct {
	N                int64 // ascends in the order of creation
	ID, AgentGroupID string
}

// SessionFilter selects sessions; zero fields select all.
type SessionFilter struct {
	AgentGroupID     string
	MessagingGroupID string
	Mode             SessionMode
	Status           SessionStatus
	ContainerStatus  []ContainerStatus
}

// Sessions keeps the list of sessions. Its methods may be called concurrently.
type Sessions interface {
	// CreateSession fails with CodeConflict if an active session has the key.
	CreateSession(ctx context.Context, s Session) error
	// FindSession returns the active session of a key, or CodeNotFound.
	FindSession(ctx context.Context, k SessionKey) (Session, error)
	// Session fails with CodeNotFound.
	Session(ctx context.Context, id string) (Session, error)
	// Sessions lists newest first.
	Sessions(ctx context.Context, p Page, f SessionFilter) (List[Session], error)
	// SessionPlaces lists oldest first, from behind the place with a number,
	// for who goes through all; CountSessions is how many they are.
	SessionPlaces(ctx context.Context, after int64, limit int) ([]SessionPlace, error)
	CountSessions(ctx context.Context) (int, error)
	// SetContainerStatus and CloseSession are durable when they return, and
	// return the session as it is then. CodeNotFound.
	SetContainerStatus(ctx context.Context, id string, status ContainerStatus) (Session, error)
	CloseSession(ctx context.Context, id string, at time.Time) (Session, error)
	// Touch notes that a session was active. It neither waits nor fails.
	Touch(id string, at time.Time)
}
