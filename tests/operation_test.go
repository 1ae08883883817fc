package tests_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
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
