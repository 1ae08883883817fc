package tests_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// operation is one as the API shows it.
type operation struct {
	ID, Status           string
	Total, Done, Refused int
}

func mustOperate(t *testing.T, e *engineproc.Process, action string, filter map[string]any, count int) string {
	t.Helper()
	var preview struct{ OperationPreview struct{ Count int } }
	until(t, fmt.Sprintf("%d can be acted on", count), func() bool {
		e.MustQuery(t, `query($a: OperationAction!, $f: SearchFilter!) { operationPreview(action: $a, filter: $f) { count } }`, map[string]any{"a": action, "f": filter}, &preview)
		return preview.OperationPreview.Count == count
	})
	var out struct {
		StartOperation struct {
			Operation  *operation
			UserErrors []userError
		}
	}
	e.MustQuery(t, `mutation($i: StartOperationInput!) { startOperation(input: $i) { operation { id } userErrors { code message field } } }`,
		map[string]any{"i": map[string]any{"action": action, "filter": filter, "reason": "the test says so", "expectedCount": count}}, &out)
	if out.StartOperation.Operation == nil {
		t.Fatalf("start %s: %+v", action, out.StartOperation.UserErrors)
	}
	return out.StartOperation.Operation.ID
}

func mustOperation(t *testing.T, e *engineproc.Process, id string) operation {
	t.Helper()
	var out struct{ Operation operation }
	e.MustQuery(t, `query($id: ID!) { operation(id: $id) { id status total done refused } }`, map[string]any{"id": id}, &out)
	return out.Operation
}

func TestKillsAmidAnOperationHaveNothingDoneTwiceOrNever(t *testing.T) {
	t.Parallel()
	const sessions, each = 4, 40
	data := t.TempDir()
	e := engineproc.Start(t, data)
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	var all []session
	for i := range sessions {
		id, _, err := resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
		s := session{engine: e, id: id}
		messages := make([]map[string]any, each)
		for n := range messages {
			messages[n] = map[string]any{"sessionId": id, "messageId": fmt.Sprint("m", n), "content": fmt.Sprintf("text %02d", n)}
		}
		e.MustQuery(t, `mutation($m: [WriteMessageInput!]!) { writeMessages(input: {messages: $m}) { userErrors { message } } }`, map[string]any{"m": messages}, nil)
		all = append(all, s)
	}
	ended := func(id string) {
		t.Helper()
		for range kills(t, 4) {
			time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond) // at a moment that nobody chose
			must(t, e.Kill())
			e = engineproc.Start(t, data)
		}
		var op operation
		until(t, "the operation has ended", func() bool {
			op = mustOperation(t, e, id)
			return op.Status != "RUNNING"
		})
		if op.Status != "COMPLETED" || op.Done != sessions*each || op.Refused != 0 {
			t.Fatalf("it ended as %+v", op)
		}
	}
	ended(mustOperate(t, e, "CANCEL", map[string]any{"messageStatus": []string{"PENDING"}}, sessions*each))
	waitIndexed(t, e)
	ended(mustOperate(t, e, "RETRY", map[string]any{"messageStatus": []string{"CANCELLED"}}, sessions*each))
	for _, s := range all {
		s.engine = e
		var off, on []string
		for _, m := range s.messages(t) {
			if m.Status == "CANCELLED" {
				off = append(off, m.ContentText)
			} else {
				on = append(on, m.ContentText)
			}
		}
		if len(off) != each || !slices.Equal(off, on) {
			t.Errorf("%d were retried as %d: %q", len(off), len(on), on)
		}
	}
}

func TestKillsAmidDiscardingLeaveNothingThatFailed(t *testing.T) {
	t.Parallel()
	const each = 60
	data := t.TempDir()
	e := engineproc.Start(t, data)
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	id, _, err := resolve(e, room, "thread")
	must(t, err)
	var found struct{ Session struct{ Folder string } }
	e.MustQuery(t, `query($id: ID!) { session(id: $id) { folder } }`, map[string]any{"id": id}, &found)
	s := session{engine: e, id: id, folder: filepath.Join(data, filepath.FromSlash(found.Session.Folder))}
	s.mark(t, "RUNNING") // so that it is watched
	messages, acks, replies := make([]map[string]any, each), make([]string, each), make([]string, each)
	for n := range each {
		messages[n] = map[string]any{"sessionId": id, "messageId": fmt.Sprint("m", n), "content": "cannot be done"}
		acks[n] = fmt.Sprintf("('m%d', 'failed', '2026-01-01T00:00:00Z')", n)
		replies[n] = fmt.Sprintf(`('r%d', %d, '2026-01-01T00:00:00.000Z', 'chat', '{"text":"hi"}', 'pager', 'nobody')`, n, 1001+2*n)
	}
	e.MustQuery(t, `mutation($m: [WriteMessageInput!]!) { writeMessages(input: {messages: $m}) { userErrors { message } } }`, map[string]any{"m": messages}, nil)
	foreign.Run(t, "exec", s.folder, "outbound", "INSERT INTO processing_ack VALUES "+strings.Join(acks, ", "))
	foreign.Run(t, "exec", s.folder, "outbound", "INSERT INTO messages_out (id, seq, timestamp, kind, content, channel_type, platform_id) VALUES "+strings.Join(replies, ", "))
	op := mustOperate(t, s.engine, "DISCARD", map[string]any{"sessionId": s.id}, 2*each)
	for range kills(t, 3) {
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // at a moment that nobody chose
		must(t, s.engine.Kill())
		s.engine = engineproc.Start(t, data)
	}
	until(t, "the operation has ended", func() bool { return mustOperation(t, s.engine, op).Status == "COMPLETED" })
	if o := mustOperation(t, s.engine, op); o.Done != 2*each {
		t.Errorf("it ended as %+v", o)
	}
	until(t, "nothing needs attention", func() bool {
		a := mustAttend(t, s.engine, "")
		return a.FailedMessages.Count == 0 && a.FailedReplies.Count == 0
	})
	for _, m := range s.messages(t) {
		if strings.HasPrefix(m.MessageID, "m") && m.Status != "CANCELLED" {
			t.Errorf("%s is %s", m.MessageID, m.Status)
		}
	}
}

// What a cancelled operation did is shown as done, and the rest is never done,
// though the engine was killed before it could store what it did.
func TestAKillAfterACancelledOperationLeavesWhatWasDoneShown(t *testing.T) {
	t.Parallel()
	const sessions, each = 4, 100
	data := t.TempDir()
	e := engineproc.Start(t, data)
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	for round := range 3 {
		var all []session
		for i := range sessions {
			id, _, err := resolve(e, room, fmt.Sprint("thread-", round, "-", i))
			must(t, err)
			messages := make([]map[string]any, each)
			for n := range messages {
				messages[n] = map[string]any{"sessionId": id, "messageId": fmt.Sprint("m", n), "content": fmt.Sprint("round-", round)}
			}
			e.MustQuery(t, `mutation($m: [WriteMessageInput!]!) { writeMessages(input: {messages: $m}) { userErrors { message } } }`, map[string]any{"m": messages}, nil)
			all = append(all, session{id: id})
		}
		op := mustOperate(t, e, "CANCEL", map[string]any{"text": fmt.Sprint("round-", round)}, sessions*each)
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // at a moment that nobody chose
		e.MustQuery(t, `mutation($id: ID!) { cancelOperation(input: {id: $id}) { userErrors { message } } }`, map[string]any{"id": op}, nil)
		must(t, e.Kill())
		e = engineproc.Start(t, data)
		var shown operation
		var off int
		until(t, "what is shown is what was done", func() bool {
			shown, off = mustOperation(t, e, op), 0
			for _, s := range all {
				s.engine = e
				for _, m := range s.messages(t) {
					if m.Status == "CANCELLED" {
						off++
					}
				}
			}
			return shown.Done == off
		})
		if shown.Status == "RUNNING" || shown.Refused != 0 || (shown.Status == "COMPLETED") != (off == sessions*each) {
			t.Errorf("%d messages were called off by %+v", off, shown)
		}
	}
}
