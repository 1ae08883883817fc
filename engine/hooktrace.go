package engine

import (
	"context"
	"strings"
	"time"
)

// HookTrace is what hooks did to a message, or to a reply, as it passed. It has
// nothing of what they took out: neither a text, nor the name of a file.
type HookTrace struct {
	SessionID string
	Direction Direction
	// Seq is the number of the message or reply, and ID what tells it from others
	// that had the same one: a hash of its id.
	Seq int64
	ID  uint64
	// ReceivedAt is when the engine was given it, or took up a reply.
	ReceivedAt time.Time
	// WrittenAt is when a message was on disk; zero for a reply.
	WrittenAt time.Time
	// Runs are in order, the first maxTraceRuns.
	Runs []HookRun

	one [1]HookRun // what Runs mostly needs
	// changes are of the run that is not noted yet, changed of those that are.
	changes []HookChange
	changed int
}

// HookRun is what one hook did.
type HookRun struct {
	Hook string
	// Version is the SHA-256 of what ran.
	Version string
	Point   HookPoint
	Action  HookAction
	// Reason is a refusal's or a failure's, "" for others.
	Reason string
	// Took is the time in the module, 0 if it was not called.
	Took time.Duration
	Fuel int64
	// Attachment is the place of an attachment among those that bring bytes, from
	// 1; 0 is none. Name is what it is stored under, "" if it was removed.
	Attachment int
	Name       string
	Changes    []HookChange
}

// HookChange is a place that a hook changed.
type HookChange struct {
	// Path is a JSON pointer into the content: keys that are no plain names are
	// "*". Of an attachment it is "name", "mimeType" or "bytes".
	Path string
	// Before and After are sizes in bytes, of other values than texts as JSON;
	// nil is nothing there.
	Before, After *int64
}

const (
	maxTraceRuns    = 256
	maxTraceChanges = 256 // of all runs
	maxRunChanges   = 32
	maxTraceReason  = 512
)

// HookTraces keeps traces. Its methods may be called concurrently.
type HookTraces interface {
	// Add copies a trace: it can be found at once, and waits for the next Store.
	// What is newest counts. It returns false, and does nothing, where too much
	// waits.
	Add(t *HookTrace) (ok bool)
	// Store stores all that waits, or nothing; then it waits on.
	Store(ctx context.Context, now time.Time) error
	// Find returns what is known of mail of one session and direction, by its
	// seq. Who asks sees to it that the id is the right one.
	Find(ctx context.Context, sessionID string, d Direction, seqs []int64) (map[int64]*HookTrace, error)
	// Sessions lists ids of sessions of which it has traces, in their order,
	// behind one.
	Sessions(ctx context.Context, after string, limit int) ([]string, error)
	// Forget removes some of a session; more tells that there is more of it.
	Forget(ctx context.Context, sessionID string) (more bool, err error)
	// Prune removes some of what is too old, or too much; more tells that there
	// is more of it.
	Prune(ctx context.Context, now time.Time) (more bool, err error)
}

// Note adds a copy of a run, with what the subject noted of it, which r is told,
// too; t may be nil. A host calls it after each hook.
func (t *HookTrace) Note(r *HookRun) {
	if t == nil {
		return
	}
	r.Changes, t.changes = t.changes, nil
	if r.Action != HookReplaced {
		r.Changes = nil
	}
	if t.Runs == nil {
		t.Runs = t.one[:0]
	}
	if len(t.Runs) == maxTraceRuns {
		return
	}
	r.Changes = r.Changes[:min(len(r.Changes), maxRunChanges, maxTraceChanges-t.changed)]
	t.changed += len(r.Changes)
	if len(r.Reason) > maxTraceReason {
		r.Reason = strings.ToValidUTF8(r.Reason[:maxTraceReason], "") + "..."
	}
	t.Runs = append(t.Runs, *r)
}

// change has the next run's changes.
func (t *HookTrace) change(c []HookChange) {
	if t != nil {
		t.changes = c
	}
}

// attachment says of runs from one on what attachment they were on.
func (t *HookTrace) attachment(from, place int, name string) {
	if t == nil {
		return
	}
	for i := from; i < len(t.Runs); i++ {
		t.Runs[i].Attachment, t.Runs[i].Name = place, strings.Clone(name)
	}
}

// removed is attachment for one that the last of these hooks removed.
func (t *HookTrace) removed(from, place int, size int64) {
	t.attachment(from, place, "")
	if t == nil || from == len(t.Runs) {
		return
	}
	if last := &t.Runs[len(t.Runs)-1]; last.Action == HookRemoved {
		last.Changes = []HookChange{{Path: "bytes", Before: &size}}
	}
}

func (t *HookTrace) len() int {
	if t == nil {
		return 0
	}
	return len(t.Runs)
}
