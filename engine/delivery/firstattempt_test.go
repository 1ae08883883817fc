package delivery_test

import (
	"encoding/binary"
	"os"
	"slices"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

// commits is SQLite's own count of changes to a database.
func commits(t *testing.T, path string) uint32 {
	t.Helper()
	b, err := os.ReadFile(path)
	hosttest.Must(t, err)
	return binary.BigEndian.Uint32(b[24:])
}

func TestANewReplyIsNotedAndItsAttemptRecordedWithOneCommitBeforeItIsSent(t *testing.T) {
	h, _ := newHost(t, nil)
	s := session(t, h)
	path := h.Folder(s, "inbound.db")
	var before, sent uint32
	var row []string
	r := newReceiver(t, func(q request) int {
		if q.Reply.ID == "second" {
			sent = commits(t, path)
			row = h.Rows(t, s, "inbound.db", `SELECT message_out_id, state, attempts FROM engine_outbox`)
		}
		return 200
	})
	push(t, h, r.URL)
	say(t, h, s, "first", 1) // makes the tables
	waitStatus(t, h, s, "first", engine.DeliveryDelivered)
	before = commits(t, path)
	say(t, h, s, "second", 3)
	waitStatus(t, h, s, "second", engine.DeliveryDelivered)
	if sent != before+1 || !slices.Equal(row, []string{"second|trying|1"}) {
		t.Errorf("when it was sent there were %d commits more, and on disk %q", sent-before, row)
	}
	if d := status(t, h, s, "second"); d.Attempts != 1 {
		t.Errorf("afterwards it is %+v", d)
	}
}
