package engine

import (
	"context"
	"math"
	"time"
)

// MailIndex is what searches are answered from: a copy of what is in the
// session folders, which may be thrown away and is made again. Search and
// Count may be called concurrently, also with one of the others.
type MailIndex interface {
	// Place is how far the index has come; the zero place of a new one.
	Place(ctx context.Context) (IndexPlace, error)
	// IndexedSession is what was indexed of a session; its cursors are "" for
	// one that is not known.
	IndexedSession(ctx context.Context, sessionID string) (IndexedSession, error)
	// IndexedSessions lists ids of sessions, in their order, behind one; owed
	// has it list only those of which something is owed.
	IndexedSessions(ctx context.Context, after string, owed bool, limit int) ([]string, error)
	// Unended lists what of a session may become something else, also by what
	// somebody does with what failed, as far as is indexed,
	// behind a number that it returns; next is 0 behind the last.
	Unended(ctx context.Context, sessionID string, after int64, limit int) (ids MailIDs, next int64, err error)
	// Apply indexes all of b, or nothing.
	Apply(ctx context.Context, b IndexBatch) error
	// Forget removes some of a session; more tells that there is more of it, all
	// of which is owed then.
	Forget(ctx context.Context, sessionID string) (more bool, err error)
	// Search finds newest first. Page.Backward is not for it.
	Search(ctx context.Context, p Page, f SearchFilter) (SearchPage, error)
	// Select lists all that a filter selects, the newest so many: those of a
	// session one after the other in order of seq, and the sessions by the oldest
	// of each.
	Select(ctx context.Context, f SearchFilter, most int) ([]MailRef, error)
	// Answers lists replies to a message, in order of seq, behind a place.
	Answers(ctx context.Context, sessionID, messageID string, after AnswerPlace, limit int) ([]AnswerPlace, error)
	// Count counts what a filter selects, up to most, and finds the oldest. The
	// filter has statuses of one direction, and may have Retried and Since, or is
	// Waiting.
	Count(ctx context.Context, f SearchFilter, most int) (n int, oldest *SearchHit, err error)
}

// IndexPlace is how far an index has come.
type IndexPlace struct {
	// Event is the number of the last event that was followed, At when it was.
	Event int64
	At    time.Time
	// Walk is what is to be looked at besides; nil is nothing.
	Walk *IndexWalk
}

// IndexWalk goes over all sessions, since events are missing.
type IndexWalk struct {
	// Since is when the folders were last written that are to be read.
	Since time.Time
	// Sweep: it is through, and removes sessions that are no more.
	Sweep bool
	// Cursor is where it goes on in the list of sessions, or else the last id.
	Cursor string
}

// NothingUnended is the last number that Unended may be asked for: there is
// nothing behind it.
const NothingUnended = math.MaxInt64

// IndexedSession is what is indexed of a session: all rows up to the cursors.
type IndexedSession struct {
	ID, AgentGroupID  string
	Messages, Replies string
	// Owed is nil where there is no more to be read for all that is known. Else
	// there is, behind the cursors, and of what is Unended behind this number.
	Owed *int64
}

// IndexedMail is a message or reply to be indexed; what the index has under
// its id is replaced.
type IndexedMail struct {
	SearchHit // without Snippet
	// Seq is 0 where there is none.
	Seq int64
	// InReplyTo is what a reply answers, "" for nothing.
	InReplyTo string
	// Retried: another message was written in its place.
	Retried bool
	// Content is the beginning of the stored content.
	Content string
	// WaitsFrom is when a message that ought to wake the container may do so;
	// nil for all that does not wait.
	WaitsFrom *time.Time
}

// IndexBatch is what is indexed at one time.
type IndexBatch struct {
	Sessions []IndexedSession
	// Mail is of these sessions.
	Mail []IndexedMail
	// Place nil leaves it.
	Place *IndexPlace
}

// MailIDs are ids in a mailbox.
type MailIDs struct{ Messages, Replies []string }

// News is what a session has that an index lacks.
type News struct {
	Messages []Message
	Replies  []Reply
	// MessagesEnd and RepliesEnd are the cursors behind what was read.
	MessagesEnd, RepliesEnd string
	// More: there is more behind them.
	More bool
	// Problem is why replies could not be read; nil if they could.
	Problem error
}

// AnswerPlace is the place of a reply among those to a message.
type AnswerPlace struct {
	// Seq is 0 for a reply without one, and -1 before all.
	Seq int64
	ID  string
}

// NewsReader reads for an index, bounded like MessageReader.
type NewsReader interface {
	// News reads rows behind the cursors, up to limit of each direction, and
	// those of the ids that exist. Content is cut off at some KiB.
	News(ctx context.Context, s Session, messages, replies string, ids MailIDs, limit int) (News, error)
	// Answers reads, of replies to a message, those of the ids that exist, and
	// those among the next limit rows behind a cursor of Replies; more tells that
	// it left some out as their content is large.
	Answers(ctx context.Context, s Session, messageID string, ids []string, behind string, limit int) (replies []Reply, more bool, err error)
	// Modified is when a session's databases were last written, as the file
	// system says.
	Modified(s Session) (time.Time, error)
}
