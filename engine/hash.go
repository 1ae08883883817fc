package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"time"
	"unsafe"
)

// hashInput is the SHA-256 of what a sender gave, without the id and the
// session: it is compared within one session under one id. Each value is
// written with its type and length, so no two inputs run together, and
// without a copy of attachments that come as text.
func hashInput(in WriteMessageInput) (sum [32]byte) {
	h := inputHash{Hash: sha256.New()}
	h.text("twinbox input 1")
	h.text(in.Kind)
	h.time(in.Timestamp)
	h.value(in.Content)
	for _, o := range []Omittable[*string]{in.PlatformID, in.ChannelType, in.ThreadID} {
		h.bool(o.Set)
		h.optional(o.Value)
	}
	h.time(in.ProcessAfter)
	h.optional(in.Recurrence)
	h.optional(in.TimeZone)
	h.text(string(in.MissedRuns))
	h.bool(in.Trigger)
	h.bool(in.OnWake)
	h.optional(in.SourceSessionID)
	h.Sum(sum[:0])
	return sum
}

type inputHash struct {
	hash.Hash
	buf [9]byte
}

func (h *inputHash) size(kind byte, n int) {
	h.buf[0] = kind
	binary.LittleEndian.PutUint64(h.buf[1:], uint64(n))
	h.Write(h.buf[:])
}

func (h *inputHash) string(kind byte, s string) {
	h.size(kind, len(s))
	if s != "" {
		// A hash only reads; converting would copy attachments of megabytes.
		h.Write(unsafe.Slice(unsafe.StringData(s), len(s)))
	}
}

func (h *inputHash) text(s string) { h.string('s', s) }

func (h *inputHash) bool(b bool) {
	n := 0
	if b {
		n = 1
	}
	h.size('b', n)
}

func (h *inputHash) optional(s *string) {
	if s == nil {
		h.size('n', 0)
		return
	}
	h.text(*s)
}

func (h *inputHash) time(t *time.Time) {
	if t == nil {
		h.size('n', 0)
		return
	}
	h.string('t', FormatTime(*t))
}

func (h *inputHash) value(v any) {
	switch v := v.(type) {
	case nil:
		h.size('n', 0)
	case bool:
		h.bool(v)
	case string:
		h.text(v)
	case json.Number:
		h.string('d', string(v))
	case []any:
		h.size('l', len(v))
		for _, e := range v {
			h.value(e)
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		h.size('m', len(v))
		for _, k := range keys {
			h.text(k)
			h.value(v[k])
		}
	default:
		// Numbers and structs of Go callers; what cannot be encoded is
		// refused later, when the content is.
		b, err := json.Marshal(v)
		if err != nil {
			b = fmt.Appendf(nil, "%T", v)
		}
		h.string('j', string(b))
	}
}
