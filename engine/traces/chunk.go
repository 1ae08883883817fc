package traces

import (
	"encoding/binary"
	"slices"

	"github.com/twinbox/twinbox/engine"
)

const (
	// chunkSpan is how far apart the seqs in a chunk may be, chunkTraces how many
	// it may have: to find one, it is read whole.
	chunkSpan   = 256
	chunkTraces = 64
	// chunkRuns bounds it where each has many.
	chunkRuns = 512
)

// actions are in the order in which they are stored: new ones come last.
var actions = [...]engine.HookAction{engine.HookPassed, engine.HookReplaced, engine.HookDropped, engine.HookRemoved,
	engine.HookRejected, engine.HookFailed, engine.HookWasPassed}

var points = [...]engine.HookPoint{engine.HookOnMessage, engine.HookOnAttachment, engine.HookOnReply, engine.HookOnSession}

// version is of a hook; a run names it by its place among those of the chunk,
// since most messages pass the same hooks.
type version struct{ hook, sha256 string }

// chunk is a row as it is being filled.
type chunk struct {
	session     string
	direction   engine.Direction
	first, last int64
	// lastSeq and lastReceived are of the trace that was added last: those of the
	// next are told by how far from them they are.
	lastSeq, lastReceived int64
	traces                int
	runs                  int
	versions              []version
	body                  []byte
}

// takes tells whether a trace of its session and direction may join it.
func (c *chunk) takes(t *engine.HookTrace) bool {
	return c.traces < chunkTraces && c.runs < chunkRuns && near(min(c.first, t.Seq), max(c.last, t.Seq))
}

// near tells of two seqs, the lower first, whether a chunk may have both. A
// container numbers as it likes: their distance may be more than an int64 holds.
func near(low, high int64) bool { return uint64(high)-uint64(low) < chunkSpan }

// add appends a trace to the body, which has one after the other, of numbers as
// varints and texts behind their lengths. Each message with a hook pays for it,
// so it is neither JSON nor made by reflection.
func (c *chunk) add(t *engine.HookTrace) {
	if c.traces == 0 {
		c.first, c.last = t.Seq, t.Seq
	}
	c.first, c.last = min(c.first, t.Seq), max(c.last, t.Seq)
	c.traces++
	c.runs += len(t.Runs)
	received := t.ReceivedAt.UnixMilli()
	b := appendNumber(c.body, t.Seq-c.lastSeq)
	b = binary.LittleEndian.AppendUint64(b, t.ID)
	b = appendNumber(b, received-c.lastReceived)
	c.lastSeq, c.lastReceived = t.Seq, received
	b = appendOptional(b, t.WrittenAt.UnixMilli()-received, !t.WrittenAt.IsZero())
	b = appendUnsigned(b, uint64(len(t.Runs)))
	for i := range t.Runs {
		b, c.versions = appendRun(b, &t.Runs[i], c.versions)
	}
	c.body = b
}

// appendRun appends a version's hook and hash where it is named first, and what
// few runs have only where there is some of it.
func appendRun(b []byte, r *engine.HookRun, versions []version) ([]byte, []version) {
	v := version{r.Hook, r.Version}
	i := slices.Index(versions, v)
	if i < 0 {
		i = len(versions)
		versions = append(versions, v)
		b = appendText(appendText(appendUnsigned(b, uint64(i)), v.hook), v.sha256)
	} else {
		b = appendUnsigned(b, uint64(i))
	}
	b = appendUnsigned(b, uint64(slices.Index(points[:], r.Point)))
	b = appendUnsigned(b, uint64(slices.Index(actions[:], r.Action)))
	b = appendNumber(b, int64(r.Took))
	b = appendNumber(b, r.Fuel)
	if r.Reason == "" && r.Attachment == 0 && r.Name == "" && len(r.Changes) == 0 {
		return append(b, 0), versions
	}
	b = appendText(append(b, 1), r.Reason)
	b = appendNumber(b, int64(r.Attachment))
	b = appendText(b, r.Name)
	b = appendUnsigned(b, uint64(len(r.Changes)))
	for _, c := range r.Changes {
		b = appendSize(appendSize(appendText(b, c.Path), c.Before), c.After)
	}
	return b, versions
}

func appendText(b []byte, s string) []byte {
	return append(appendUnsigned(b, uint64(len(s))), s...)
}

// Each message runs through this once, when little of it is in the processor's
// caches: a loop for each number takes longer to be read than to be run.

//go:noinline
func appendUnsigned(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

//go:noinline
func appendNumber(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

func appendSize(b []byte, n *int64) []byte {
	if n == nil {
		return appendOptional(b, 0, false)
	}
	return appendOptional(b, *n, true)
}

func appendOptional(b []byte, n int64, is bool) []byte {
	if !is {
		return append(b, 0)
	}
	return appendNumber(append(b, 1), n)
}
