package traces

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

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

// chunk is what a row's body has, as JSON: most messages pass the same hooks,
// and change nothing.
type chunk struct {
	Versions []module `json:"v"`
	Traces   []trace  `json:"t"`
}

type module struct {
	Hook   string `json:"h"`
	SHA256 string `json:"s"`
}

// trace has times in milliseconds since 1970: Written after Received.
type trace struct {
	Seq      int64  `json:"q"`
	ID       string `json:"i"`
	Received int64  `json:"r"`
	Written  *int64 `json:"w,omitempty"`
	Runs     []run  `json:"u"`
}

// run names its version by the place in the chunk, point and action by theirs
// among all.
type run struct {
	Version    int      `json:"v"`
	Point      int      `json:"p,omitempty"`
	Action     int      `json:"a,omitempty"`
	Reason     string   `json:"e,omitempty"`
	Nanos      int64    `json:"t,omitempty"`
	Fuel       int64    `json:"f,omitempty"`
	Attachment int      `json:"n,omitempty"`
	Name       string   `json:"m,omitempty"`
	Changes    []change `json:"c,omitempty"`
}

type change struct {
	Path   string `json:"p"`
	Before *int64 `json:"b,omitempty"`
	After  *int64 `json:"a,omitempty"`
}

// actions are in the order in which they are stored: new ones come last.
var actions = [...]engine.HookAction{engine.HookPassed, engine.HookReplaced, engine.HookDropped, engine.HookRemoved,
	engine.HookRejected, engine.HookFailed, engine.HookWasPassed}

var points = [...]engine.HookPoint{engine.HookOnMessage, engine.HookOnAttachment, engine.HookOnReply, engine.HookOnSession}

// chunks groups traces by session and direction, in order of seq, and puts
// them into chunks.
func chunks(traces []*engine.HookTrace, store func(first, last *engine.HookTrace, c chunk) error) error {
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
		if err := store(first, traces[n-1], newChunk(traces[:n])); err != nil {
			return err
		}
		traces = traces[n:]
	}
	return nil
}

func newChunk(traces []*engine.HookTrace) chunk {
	c := chunk{Traces: make([]trace, len(traces))}
	for i, t := range traces {
		c.Traces[i] = trace{Seq: t.Seq, ID: t.ID, Received: t.ReceivedAt.UnixMilli(), Runs: make([]run, len(t.Runs))}
		if !t.WrittenAt.IsZero() {
			after := t.WrittenAt.UnixMilli() - t.ReceivedAt.UnixMilli()
			c.Traces[i].Written = &after
		}
		for j, r := range t.Runs {
			c.Traces[i].Runs[j] = c.run(r)
		}
	}
	return c
}

func (c *chunk) run(r engine.HookRun) run {
	v := module{Hook: r.Hook, SHA256: r.Version}
	i := slices.Index(c.Versions, v)
	if i < 0 {
		i = len(c.Versions)
		c.Versions = append(c.Versions, v)
	}
	stored := run{Version: i, Point: slices.Index(points[:], r.Point), Action: slices.Index(actions[:], r.Action), Reason: r.Reason,
		Nanos: int64(r.Took), Fuel: r.Fuel, Attachment: r.Attachment, Name: r.Name}
	for _, ch := range r.Changes {
		stored.Changes = append(stored.Changes, change(ch))
	}
	return stored
}

// find calls found with those traces of a body that are of a seq.
func find(body []byte, seqs []int64, found func(engine.HookTrace)) error {
	var c chunk
	if err := json.Unmarshal(body, &c); err != nil {
		return err
	}
	for _, t := range c.Traces {
		if !slices.Contains(seqs, t.Seq) {
			continue
		}
		h := engine.HookTrace{Seq: t.Seq, ID: t.ID, ReceivedAt: time.UnixMilli(t.Received).UTC(), Runs: make([]engine.HookRun, len(t.Runs))}
		if t.Written != nil {
			h.WrittenAt = time.UnixMilli(t.Received + *t.Written).UTC()
		}
		for i, r := range t.Runs {
			var err error
			if h.Runs[i], err = c.hookRun(r); err != nil {
				return err
			}
		}
		found(h)
	}
	return nil
}

func (c *chunk) hookRun(r run) (engine.HookRun, error) {
	if r.Version < 0 || r.Version >= len(c.Versions) || r.Point < 0 || r.Point >= len(points) || r.Action < 0 || r.Action >= len(actions) {
		return engine.HookRun{}, fmt.Errorf("a run of version %d at point %d with action %d is none of ours", r.Version, r.Point, r.Action)
	}
	v := c.Versions[r.Version]
	h := engine.HookRun{Hook: v.Hook, Version: v.SHA256, Point: points[r.Point], Action: actions[r.Action], Reason: r.Reason,
		Took: time.Duration(r.Nanos), Fuel: r.Fuel, Attachment: r.Attachment, Name: r.Name}
	for _, ch := range r.Changes {
		h.Changes = append(h.Changes, engine.HookChange(ch))
	}
	return h, nil
}
