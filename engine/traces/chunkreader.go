package traces

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// each calls found with the traces of a body, as far as it can be read.
func each(body []byte, found func(engine.HookTrace)) error {
	r := reader{rest: body}
	var versions []version
	var seq, received int64
	for len(r.rest) > 0 {
		seq += r.number()
		h := engine.HookTrace{Seq: seq, ID: r.fixed()}
		received += r.number()
		h.ReceivedAt = time.UnixMilli(received).UTC()
		if after := r.optional(); after != nil {
			h.WrittenAt = time.UnixMilli(received + *after).UTC()
		}
		h.Runs = make([]engine.HookRun, r.count())
		for i := range h.Runs {
			versions = r.run(&h.Runs[i], versions)
		}
		if r.err != nil {
			return r.err
		}
		found(h)
	}
	return nil
}

// reader reads what appendChunk appended. After an error there is nothing more.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) run(h *engine.HookRun, versions []version) []version {
	v := r.place(len(versions) + 1)
	if v == len(versions) {
		versions = append(versions, version{r.text(), r.text()})
	}
	p, a := r.place(len(points)), r.place(len(actions))
	*h = engine.HookRun{Hook: versions[v].hook, Version: versions[v].sha256, Point: points[p], Action: actions[a],
		Took: time.Duration(r.number()), Fuel: r.number()}
	if r.place(2) == 0 {
		return versions
	}
	h.Reason, h.Attachment, h.Name = r.text(), int(r.number()), r.text()
	for range r.count() {
		h.Changes = append(h.Changes, engine.HookChange{Path: r.text(), Before: r.optional(), After: r.optional()})
	}
	return versions
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

func (r *reader) number() int64 {
	v, n := binary.Varint(r.rest)
	return took(r, v, n)
}

func (r *reader) unsigned() uint64 {
	v, n := binary.Uvarint(r.rest)
	return took(r, v, n)
}

func took[T any](r *reader, v T, n int) T {
	if n <= 0 {
		r.fail("what hooks did is cut off")
		return *new(T)
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) fixed() uint64 {
	if len(r.rest) < 8 {
		r.fail("what hooks did is cut off")
		return 0
	}
	v := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

// count is of things of which each takes a byte at least.
func (r *reader) count() int {
	n := r.unsigned()
	if n > uint64(len(r.rest)) {
		r.fail("what hooks did has %d parts in %d bytes", n, len(r.rest))
		return 0
	}
	return int(n)
}

// place is one among n.
func (r *reader) place(n int) int {
	v := r.unsigned()
	if v >= uint64(n) {
		r.fail("what hooks did names the %d of %d", v, n)
		return 0
	}
	return int(v)
}

func (r *reader) text() string {
	n := r.count()
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *reader) optional() *int64 {
	if r.place(2) == 0 {
		return nil
	}
	return new(r.number())
}
