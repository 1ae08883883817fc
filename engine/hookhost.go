package engine

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// HookRecords keeps what is installed. Its methods may be called
// concurrently.
type HookRecords interface {
	// Hooks lists by name.
	Hooks(ctx context.Context) ([]HookRecord, error)
	// SaveHook makes or replaces the record of a name, with its versions.
	SaveHook(ctx context.Context, r HookRecord) error
	// RemoveHook fails with CodeNotFound.
	RemoveHook(ctx context.Context, name string) error
}

// HookHost runs hooks, which are hostile: whatever one does costs its own call
// at most. Its methods may be called concurrently.
type HookHost interface {
	// Add checks a module or script, compiles it, and keeps it durably under
	// its SHA-256. InstalledAt and Active are the caller's to set. What is
	// wrong with it is CodeInvalidInput or CodeLimitExceeded, field "module",
	// and says what its author should do.
	Add(ctx context.Context, module []byte) (HookVersion, error)
	// Probe makes an instance of r's active version with r's configuration and
	// limits, and closes it. Its failure is CodeInvalidInput: field "config" if
	// the hook refused its configuration, else "module".
	Probe(ctx context.Context, r HookRecord) error
	// Use makes records all that is installed. Calls that run end on what they
	// began with; a chain has the hooks that it began with.
	Use(records []HookRecord)
	// Keep removes the stored modules and compiled code of which none of the
	// hashes is named.
	Keep(hashes []string) error
	// State is of a hook that Use named last.
	State(name string) HookState
	// History tells of each of the last minutes, up to MaxHookMinutes, in which
	// a hook was called, oldest first.
	History(name string, minutes int) []HookMinute
	// Log returns the last n lines at most, oldest first.
	Log(name string, n int) []HookLogEntry

	// Applies tells whether Run would call a hook, or apply its policy.
	Applies(p HookPoint, t HookTarget) bool
	// Run takes c through the chain of its point. The action is HookPassed,
	// HookReplaced, HookDropped or HookRemoved. A hook's refusal is
	// CodeHookRejected with its reason; a failure is CodeHookFailed and says
	// which hook did what; a wait for an instance that ctx or the host's own
	// patience ends is CodeUnavailable. Once ctx is done no further hook is
	// called: that is CodeUnavailable, but where its cause is ErrHookTime, as
	// after c.Until, a failure of each hook that was still to be called.
	Run(ctx context.Context, c HookCall) (HookAction, error)
	// DryRun is Run on fresh instances with a fixed clock and seed, without
	// circuits and statistics, and tells each step. The action may be any; the
	// last step has the reason of what ended the chain. The records need not be
	// in use.
	DryRun(ctx context.Context, c HookCall, chain []HookRecord) ([]HookStep, HookAction, error)
}

// HookTarget is what a hook's scope is compared with, and whose instances are
// used: agent groups share none.
type HookTarget struct {
	AgentGroupID string
	// ChannelType and Kind are "" where there is none.
	ChannelType, Kind string
}

// In tells whether a hook of scope s applies to t.
func (t *HookTarget) In(s *HookScope) bool {
	return listed(s.AgentGroupIDs, t.AgentGroupID) && listed(s.ChannelTypes, t.ChannelType) && (t.Kind == "" || listed(s.Kinds, t.Kind))
}

// HookCall is one way through the chain of a point.
type HookCall struct {
	Point   HookPoint
	Target  HookTarget
	Subject HookSubject
	// Trace is told of each hook, if not nil.
	Trace *HookTrace
	// Until is when no further hook is called, nor waited for; zero is never. A
	// context that ends then would have a timer, which costs as much as a call.
	Until time.Time
}

// HookSubject is what a chain is run on. It serves one call at a time.
type HookSubject interface {
	// InputBytes is about the size of what AppendInput appends. It is asked
	// before, so that nothing is read that is too large anyhow.
	InputBytes() int64
	// AppendInput appends the next hook's input (docs/hooks/abi.md): a JSON
	// object that begins with `{"abi":1,`, for on_attachment in a frame with
	// the bytes. An error is the caller's or the disk's, not the hook's.
	AppendInput(ctx context.Context, b []byte) ([]byte, error)
	// Replace takes a hook's answer whose action is "replace". It keeps
	// nothing of a's memory. An error is the hook's failure, says what was
	// wrong, and leaves the subject as it was.
	Replace(a HookAnswer) error
	// Release lets go of what AppendInput can get again: the call waits.
	Release()
	// Describe is the subject as it stands, as JSON, for who looks at a dry run.
	Describe() json.RawMessage
}

// HookAnswer is an answer whose action is "replace". Everything in it is as
// the hook gave it, but for the JSON, which is well-formed and no deeper than
// 512 levels, nor of more than 250,000 values.
type HookAnswer struct {
	// Content is of a message or reply; nil if there was none.
	Content json.RawMessage
	// Labels are of a session; nil if there were none.
	Labels []string
	// Bytes are an attachment's new bytes, if ReplaceBytes.
	ReplaceBytes bool
	Bytes        []byte
	// Name and MimeType are an attachment's; nil leaves them.
	Name, MimeType *string
}

// HookStep is what one hook of a chain did in a dry run.
type HookStep struct {
	Hook   string
	Action HookAction
	// Reason is a refusal's or a failure's.
	Reason *string
	// Input and Output are the subject before and after; Output is nil unless
	// it was replaced.
	Input, Output json.RawMessage
	Micros        float64
	Fuel          int64
	MemoryBytes   int64
	Log           []string
}

func listed(list []string, v string) bool {
	return len(list) == 0 || slices.Contains(list, v)
}
