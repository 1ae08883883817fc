package tests_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// attended is a part of what needs attention.
type attended struct {
	Count  int
	More   bool
	Oldest *struct{ MessageID, ReplyID, SessionID string }
	Filter map[string]any
}

type attention struct {
	FailedReplies, UnsettledReplies, FailedMessages, WaitingMessages attended

	StuckContainers struct {
		Count    int
		Sessions []struct{ ID string }
	}
	Hooks []struct{ Name, Circuit string }
}

func mustAttend(t *testing.T, e *engineproc.Process, since string) attention {
	t.Helper()
	var out struct{ Attention attention }
	variables := map[string]any{}
	if since != "" {
		variables["since"] = since
	}
	e.MustQuery(t, `query($since: DateTime) { attention(since: $since) {
		failedReplies { ...mail } unsettledReplies { ...mail } failedMessages { ...mail } waitingMessages { ...mail }
		stuckContainers { count sessions { id } } hooks { name circuit } } }
		fragment mail on AttentionMail { count more oldest { messageId replyId sessionId } filter }`, variables, &out)
	return out.Attention
}

// checkMail checks that one thing is counted, and that it is what the filter lists.
func checkMail(t *testing.T, e *engineproc.Process, name string, a attended, id string) {
	t.Helper()
	if a.Count != 1 || a.More || a.Oldest == nil || a.Oldest.MessageID+a.Oldest.ReplyID != id {
		t.Errorf("%s: %+v, %+v, not %s alone", name, a, a.Oldest, id)
	}
	var out struct {
		Search struct {
			Nodes []struct{ MessageID, ReplyID string }
		}
	}
	e.MustQuery(t, `query($f: SearchFilter) { search(filter: $f) { nodes { messageId replyId } } }`, map[string]any{"f": a.Filter}, &out)
	if n := out.Search.Nodes; len(n) != 1 || n[0].MessageID+n[0].ReplyID != id {
		t.Errorf("%s: its filter %v lists %+v, not %s alone", name, a.Filter, n, id)
	}
}

func TestWhatNeedsAttentionIsCountedAndListed(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	e := s.engine
	if a := mustAttend(t, e, ""); fmt.Sprint(a.StuckContainers.Count, len(a.Hooks), a.WaitingMessages.Count, a.FailedReplies.Count) != "0 0 0 0" {
		t.Errorf("of nothing: %+v", a)
	}
	s.write(t, "failed", "cannot be done")
	foreign.Run(t, "fail", s.folder, "failed")
	s.mark(t, "STOPPED")
	s.write(t, "held", "goes on for ever")
	s.mark(t, "RUNNING")
	long := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	foreign.Run(t, "exec", s.folder, "outbound", `INSERT INTO processing_ack VALUES ('held', 'processing', '`+long+`')`)
	foreign.Run(t, "exec", s.folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content, channel_type, platform_id) VALUES
		('lost', 101, '`+long+`', 'chat', '{"text":"hi"}', 'pager', 'nobody'), ('unclaimed', 103, '`+long+`', 'chat', '{"text":"hi"}', NULL, NULL)`)
	until(t, "the engine has seen both replies", func() bool {
		a := mustAttend(t, e, "")
		return a.FailedReplies.Count == 1 && a.UnsettledReplies.Count == 1
	})

	// Another session of the same engine, so that what one has to do is not
	// mistaken for what the other has.
	room, err := chat(e, "room")
	must(t, err)
	other, _, err := resolve(e, room, "thread")
	must(t, err)
	w := session{engine: e, id: other}
	w.write(t, "waits", "now")
	w.write(t, "later", "then", map[string]any{"processAfter": "2100-01-01T00:00:00Z"})
	w.write(t, "quiet", "no hurry", map[string]any{"trigger": false})
	if errors := s.tryInstall(t, "broken", does("on_message", "unreachable").Bytes(), map[string]any{"onFailure": "SKIP", "scope": map[string]any{"kinds": []string{"webhook"}}}); len(errors) > 0 {
		t.Fatalf("install: %+v", errors)
	}
	for i := range 5 { // that many in a row open its circuit
		w.write(t, fmt.Sprint("hooked-", i), "x", map[string]any{"kind": "webhook", "trigger": false})
	}

	var a attention
	until(t, "the container is told of as stuck", func() bool {
		a = mustAttend(t, e, "")
		return a.StuckContainers.Count == 1
	})
	waitIndexed(t, e)
	a = mustAttend(t, e, "")
	checkMail(t, e, "failed messages", a.FailedMessages, "failed")
	checkMail(t, e, "failed replies", a.FailedReplies, "lost")
	checkMail(t, e, "unsettled replies", a.UnsettledReplies, "unclaimed")
	if a.WaitingMessages.Oldest == nil || a.WaitingMessages.Oldest.SessionID != other && a.WaitingMessages.Count == 1 {
		t.Errorf("waiting: %+v, %+v", a.WaitingMessages, a.WaitingMessages.Oldest)
	}
	if s := a.StuckContainers.Sessions; len(s) != 1 || s[0].ID == other {
		t.Errorf("stuck: %+v", s)
	}
	if len(a.Hooks) != 1 || a.Hooks[0].Name != "broken" || a.Hooks[0].Circuit == "CLOSED" {
		t.Errorf("hooks: %+v", a.Hooks)
	}
	// Failures of long ago are left out when they are not asked for, and nothing else is.
	recent := mustAttend(t, e, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	if recent.FailedReplies.Count != 0 || recent.FailedMessages.Count != 1 || recent.UnsettledReplies.Count != 1 {
		t.Errorf("of the last hour: %+v", recent)
	}

	e.MustQuery(t, `mutation($s: ID!) { cancelMessage(input: {sessionId: $s, messageId: "waits"}) { userErrors { message } } }`, map[string]any{"s": other}, nil)
	waitIndexed(t, e)
	if w := mustAttend(t, e, "").WaitingMessages; w.Oldest != nil && w.Oldest.MessageID == "waits" {
		t.Errorf("a cancelled message waits: %+v", w)
	}
}
