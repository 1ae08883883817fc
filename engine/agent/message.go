package agent

import (
	"encoding/json"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// row is what a look reads of a message: enough to know whether it is due.
type row struct {
	id           string
	seq          *int64
	size         int64 // of its content, in bytes
	processAfter *string
	trigger      bool
	onWake       bool
}

// due reports when a row may be worked on, the zero time meaning now. What
// cannot be parsed is due now (protocol: "Time"), and ok is false.
func (r row) due() (at time.Time, ok bool) {
	if r.processAfter == nil {
		return time.Time{}, true
	}
	at, err := engine.ParseTime(*r.processAfter)
	return at, err == nil
}

// before is the order of work: by seq, and what has none at the end.
func (r row) before(o row) bool {
	return r.seq != nil && (o.seq == nil || *r.seq < *o.seq)
}

// What comes along with one message; what is left comes with the next.
const (
	maxContextRows  = 1000
	maxContextBytes = 16 << 20
)

// comesAlong picks the context that was written before a message, oldest
// first, and what is left of it for others.
func comesAlong(m row, context []row) (along, left []row) {
	size := int64(0)
	for _, c := range context {
		if (c.before(m) || c.seq == nil) && len(along) < maxContextRows && size+c.size <= maxContextBytes {
			size += c.size
			along = append(along, c)
		} else {
			left = append(left, c)
		}
	}
	return along, left
}

// message is a row with its content. Fields are nil where the row has NULL or
// something that is not text.
type message struct {
	row
	kind, timestamp                   *string
	platformID, channelType, threadID *string
	sourceSessionID                   *string
	tries                             int64
	content                           string
	attachments                       []attachment
}

// object is the content as a JSON object, nil if it is none.
func (m message) object() map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal([]byte(m.content), &o) != nil {
		return nil
	}
	return o
}

// text is what a person would read of the content: its text, or a task's
// prompt; of any other content, all of it.
func (m message) text() string {
	o := m.object()
	for _, name := range []string{"text", "prompt"} {
		var s *string
		if json.Unmarshal(o[name], &s) == nil && s != nil {
			return *s
		}
	}
	return m.content
}
