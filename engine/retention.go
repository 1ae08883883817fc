package engine

import (
	"context"
	"time"
)

// RetentionPolicy says what is kept for how long. Zero is for ever.
type RetentionPolicy struct {
	// CloseIdle closes a session without any message, reply or container for so
	// long, in which nothing waits.
	CloseIdle time.Duration
	// PruneFiles removes the attachments of messages that were completed so
	// long ago, and what is left of the files of replies that were delivered.
	PruneFiles time.Duration
	// ArchiveClosed makes an archive of the folder of a session that was closed
	// so long ago.
	ArchiveClosed time.Duration
}

// MinRetention is the shortest time that a policy may name: what is in use is
// not cleared away.
const MinRetention = time.Minute

func (p RetentionPolicy) check() error {
	for name, d := range map[string]time.Duration{"closeIdle": p.CloseIdle, "pruneFiles": p.PruneFiles, "archiveClosed": p.ArchiveClosed} {
		if d != 0 && d < MinRetention {
			return InvalidField(name, "retention %s is %s, less than %s; 0 is for ever", name, d, MinRetention)
		}
	}
	return nil
}

// RetentionAction is something that retention does with a session.
type RetentionAction string

const (
	RetentionClose   RetentionAction = "CLOSE"
	RetentionPrune   RetentionAction = "PRUNE"
	RetentionArchive RetentionAction = "ARCHIVE"
)

// RetentionStep is what was done with one session, or would be.
type RetentionStep struct {
	Action  RetentionAction
	Session Session
	// Files and Bytes are those that are removed or archived; of an archive that
	// is still to be made they are not known.
	Files int
	Bytes int64
	// Archive is the archive's path, relative to the data directory.
	Archive string
	// Problem is why it could not be done; it is tried again the next time.
	Problem string
}

// RetentionReport is what one run of retention did, or would do.
type RetentionReport struct {
	Steps []RetentionStep
	// More: there is more that was not looked at, or not done.
	More bool
}

// IdlePlace is where a list of idle sessions goes on.
type IdlePlace struct{ ActiveAt, N int64 }

// IdleQuery asks for sessions that were last active before a time.
type IdleQuery struct {
	Status SessionStatus
	Before time.Time
	After  IdlePlace
	// Limit bounds those that are looked at.
	Limit int
}

// IdleSessions is a part of the list of idle sessions, the longest idle first.
type IdleSessions struct {
	Sessions []Session
	After    IdlePlace
	More     bool
}

// ArchivedSession is a session whose folder was made an archive.
type ArchivedSession struct {
	SessionID, AgentGroupID string
	ArchivedAt              time.Time
	// FolderLeft: there may be a folder that nobody needs any more.
	FolderLeft bool
}

// RetentionList finds what retention may have to do without a look at all
// sessions. Its methods may be called concurrently; what they changed is
// durable when they return.
type RetentionList interface {
	// IdleSessions lists sessions of a status that were last active, or closed,
	// before a time.
	IdleSessions(ctx context.Context, q IdleQuery) (IdleSessions, error)
	// SessionsWithFiles lists sessions that may have files from before a time.
	SessionsWithFiles(ctx context.Context, before time.Time, limit int) ([]Session, error)
	// SetFilesAt notes from when a session's oldest file is; nil: it has none
	// until it is active again.
	SetFilesAt(ctx context.Context, sessionID string, at *time.Time) error
	// ArchiveSession makes a session an archived one, with its folder left.
	ArchiveSession(ctx context.Context, sessionID string, at time.Time) error
	// NoteArchiveFolder notes whether an archived session has a folder left.
	NoteArchiveFolder(ctx context.Context, a ArchivedSession) error
	// ArchivedSession fails with CodeNotFound.
	ArchivedSession(ctx context.Context, sessionID string) (ArchivedSession, error)
	// ArchivedSessions lists by session id, behind after; with folderLeft, only
	// those that may have one.
	ArchivedSessions(ctx context.Context, after string, limit int, folderLeft bool) ([]ArchivedSession, error)
	// RestoreSession makes an archived session one like any other, which has
	// work noted. An id or a conversation that is taken is CodeConflict.
	RestoreSession(ctx context.Context, s Session) error
}

// Prunable are files that may be removed, or were: not all at once.
type Prunable struct {
	Files int
	Bytes int64
	// Next is from when the oldest is that may be removed later; nil if there
	// is none.
	Next *time.Time
	// More: there are others that may be removed now.
	More bool
}

// Archives are session folders on their way out, and back.
type Archives interface {
	// Quiet tells whether nothing waits in a session: no message that would wake
	// its container, none that is paused, no series; and when its container last
	// gave a sign of life, which may be the container's invention.
	Quiet(ctx context.Context, s Session) (quiet bool, sign time.Time, err error)
	// PruneFiles removes the files of messages and replies that were settled
	// before a time, unless it is dry; never those that something still names
	// that is not settled.
	PruneFiles(ctx context.Context, s Session, before time.Time, dry bool) (Prunable, error)
	// Archive makes an archive of a session's folder, durably, and leaves the
	// folder. Nobody may be writing it. One that is there already is replaced.
	Archive(ctx context.Context, s Session) (files int, bytes int64, err error)
	// RemoveFolder removes a session's folder, durably, if there is one.
	RemoveFolder(ctx context.Context, agentGroupID, sessionID string) error
	// ReadArchive checks an archive from its beginning to its end and returns
	// the session that is in it. CodeNotFound; one that is not as Archive makes
	// them is CodeInvalidInput with the reason.
	ReadArchive(ctx context.Context, sessionID string) (Session, error)
	// Unarchive makes the session's folder of its archive, durably. A folder
	// that exists is CodeConflict; if there is none, ready is called before
	// there is.
	Unarchive(ctx context.Context, s Session, ready func() error) error
	// RemoveArchive removes an archive.
	RemoveArchive(ctx context.Context, sessionID string) error
}

// ArchivePath is where a session's archive lies, relative to the data directory.
func ArchivePath(sessionID string) string { return "archives/" + sessionID + ".tar" }
