package traces

import (
	"cmp"
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

// chunks groups traces by session and direction, in order of seq, and gives
// those of each row to store.
func chunks(traces []*engine.HookTrace, store func([]*engine.HookTrace) error) error {
	traces = slices.Clone(traces)
	slices.SortStableFunc(traces, func(a, b *engine.HookTrace) int {
		return cmp.Or(cmp.Compare(a.SessionID, b.SessionID), cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Seq, b.Seq))
	})
	for len(traces) > 0 {
		first, n, runs := traces[0], 0, 0
		for n < min(len(traces), chunkTraces) && runs < chunkRuns {
			t := traces[n]
			if t.SessionID != first.SessionID || t.Direction != first.Direction || t.Seq-first.Seq >= chunkSpan {
				break
			}
			runs += len(t.Runs)
			n++
		}
		if err := store(traces[:n]); err != nil {
			return err
		}
		traces = traces[n:]
	}
	return nil
}

// version is of a hook; a run names it by its place among those of the chunk,
// since most messages pass the same hooks.
type version struct{ hook, sha256 string }

// appendChunk appends what a row's body has: one trace after the other, of
// numbers as varints and texts behind their lengths. Each message with a hook
// pays for it, so it is neither JSON nor made by reflection.
func appendChunk(b []byte, traces []*engine.HookTrace) []byte {
	var versions []version
	for _, t := range traces {
		received := t.ReceivedAt.UnixMilli()
		b = binary.AppendVarint(b, t.Seq)
		b = appendText(b, t.ID)
		b = binary.AppendVarint(b, received)
		b = appendOptional(b, t.WrittenAt.UnixMilli()-received, !t.WrittenAt.IsZero())
		b = binary.AppendUvarint(b, uint64(len(t.Runs)))
		for i := range t.Runs {
			b, versions = appendRun(b, &t.Runs[i], versions)
		}
	}
	return b
}

// appendRun appends a version's hook and hash where it is named first, and what
// few runs have only where there is some of it.
func appendRun(b []byte, r *engine.HookRun, versions []version) ([]byte, []version) {
	v := version{r.Hook, r.Version}
	i := slices.Index(versions, v)
	if i < 0 {
		i = len(versions)
		versions = append(versions, v)
		b = appendText(appendText(binary.AppendUvarint(b, uint64(i)), v.hook), v.sha256)
	} else {
		b = binary.AppendUvarint(b, uint64(i))
	}
	b = binary.AppendUvarint(b, uint64(slices.Index(points[:], r.Point)))
	b = binary.AppendUvarint(b, uint64(slices.Index(actions[:], r.Action)))
	b = binary.AppendVarint(b, int64(r.Took))
	b = binary.AppendVarint(b, r.Fuel)
	if r.Reason == "" && r.Attachment == 0 && r.Name == "" && len(r.Changes) == 0 {
		return append(b, 0), versions
	}
	b = appendText(append(b, 1), r.Reason)
	b = binary.AppendVarint(b, int64(r.Attachment))
	b = appendText(b, r.Name)
	b = binary.AppendUvarint(b, uint64(len(r.Changes)))
	for _, c := range r.Changes {
		b = appendSize(appendSize(appendText(b, c.Path), c.Before), c.After)
	}
	return b, versions
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

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
	return binary.AppendVarint(append(b, 1), n)
}
