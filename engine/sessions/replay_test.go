package sessions_test

import (
	"os"
	"slices"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// Lesson 10: a message that comes again is answered with the first result; a
// different one under its id is a conflict, and neither changes anything.
func TestTheSameIDAndInputIsReplayedAndAnotherInputIsAConflict(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s, other := h.Session(t), h.Session(t)
	route := engine.Some(hosttest.Ptr("other"))
	input := func(content any) engine.WriteMessageInput {
		return engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr("m"), Content: content, Trigger: true}
	}
	attach := func() any { return hosttest.Attach(hosttest.File("a", "1"), hosttest.File("a", "2")) }
	first, _, err := h.WriteMessage(t.Context(), input(attach()))
	must(t, err)
	before := hosttest.Tree(t, h.Folder(s, "inbox"))

	again, outcome, err := h.WriteMessage(t.Context(), input(attach()))
	if err != nil || outcome != engine.OutcomeReplayed || again.Content != first.Content || *again.Seq != *first.Seq {
		t.Errorf("got %+v, %s, %v", again, outcome, err)
	}
	for name, change := range map[string]func(*engine.WriteMessageInput){
		"content": func(in *engine.WriteMessageInput) { in.Content = "another" },
		"a file": func(in *engine.WriteMessageInput) {
			in.Content = hosttest.Attach(hosttest.File("a", "1"), hosttest.File("a", "3"))
		},
		"kind":         func(in *engine.WriteMessageInput) { in.Kind = "task" },
		"trigger":      func(in *engine.WriteMessageInput) { in.Trigger = false },
		"onWake":       func(in *engine.WriteMessageInput) { in.OnWake = true },
		"route":        func(in *engine.WriteMessageInput) { in.PlatformID = route },
		"a null route": func(in *engine.WriteMessageInput) { in.ThreadID = engine.Some[*string](nil) },
		"recurrence":   func(in *engine.WriteMessageInput) { in.Recurrence = hosttest.Ptr("0 9 * * *") },
		"source":       func(in *engine.WriteMessageInput) { in.SourceSessionID = &other.ID },
	} {
		in := input(attach())
		change(&in)
		_, _, err := h.WriteMessage(t.Context(), in)
		if engine.CodeOf(err) != engine.CodeConflict {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if after := hosttest.Tree(t, h.Folder(s, "inbox")); after != before {
		t.Errorf("the inbox changed from\n%sto\n%s", before, after)
	}
	if rows := h.Rows(t, s, "inbound.db", `SELECT id, seq FROM messages_in`); !slices.Equal(rows, []string{"m|2"}) {
		t.Errorf("there are the rows %q", rows)
	}
}

func TestManyCallersWithOneIDWriteItOnceWithWholeAttachments(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	outcomes := make(chan engine.WriteOutcome)
	const callers = 24
	for i := range callers {
		content := "same"
		if i%4 == 3 {
			content = "different"
		}
		go func() {
			_, outcome, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr("m"), Trigger: true,
				Content: hosttest.Attach(hosttest.File("a", content))})
			if err != nil {
				outcome = engine.WriteOutcome(engine.CodeOf(err))
			}
			outcomes <- outcome
		}()
	}
	count := map[engine.WriteOutcome]int{}
	for range callers {
		count[<-outcomes]++
	}
	if count[engine.OutcomeWritten] != 1 || count[engine.OutcomeReplayed]+count["CONFLICT"] != callers-1 || count["CONFLICT"] == 0 {
		t.Errorf("outcomes: %v", count)
	}
	folders, err := os.ReadDir(h.Folder(s, "inbox"))
	if err != nil || len(folders) != 1 {
		t.Errorf("inbox has %v, %v", folders, err)
	}
}

// Left out of a write, the route is the session's; null stays null.
func TestARouteThatIsLeftOutNullOrSet(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	write := func(id string, in engine.WriteMessageInput) {
		in.SessionID, in.MessageID, in.Content = s.ID, &id, "x"
		_, _, err := h.WriteMessage(t.Context(), in)
		must(t, err)
	}
	write("a", engine.WriteMessageInput{})
	write("b", engine.WriteMessageInput{PlatformID: engine.Some[*string](nil), ChannelType: engine.Some[*string](nil)})
	write("c", engine.WriteMessageInput{PlatformID: engine.Some(hosttest.Ptr("p")), ThreadID: engine.Some(hosttest.Ptr("t"))})
	want := []string{"a|chat-1|test|NULL", "b|NULL|NULL|NULL", "c|p|test|t"}
	if rows := h.Rows(t, s, "inbound.db", `SELECT id, platform_id, channel_type, thread_id FROM messages_in`); !slices.Equal(rows, want) {
		t.Errorf("the rows are %q", rows)
	}
}

// A message that fails among many takes none of the others with it.
func TestAConflictInABatchDisturbsNoOther(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.Exec(t, s, "inbound.db", `INSERT INTO messages_in (id, seq, kind, timestamp, content) VALUES ('m3', 2, 'chat', 'x', 'a foreign host''s')`)
	h.MustWrite(t, s, "m5", "the first")
	var in []engine.WriteMessageInput
	for i := range 8 {
		in = append(in, engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr("m" + string(rune('0'+i))), Content: "x", Trigger: true})
	}
	in[6].Content = map[string]any{"text": 5}
	results, err := h.WriteMessages(t.Context(), in)
	must(t, err)
	var got []string
	for _, r := range results {
		got = append(got, string(engine.CodeOf(r.Err)))
	}
	if want := []string{"", "", "", "CONFLICT", "", "CONFLICT", "INVALID_INPUT", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	want := []string{"m3|2", "m5|4", "m0|6", "m1|8", "m2|10", "m4|12", "m7|14"}
	if rows := h.Rows(t, s, "inbound.db", `SELECT id, seq FROM messages_in ORDER BY seq`); !slices.Equal(rows, want) {
		t.Errorf("the rows are %q", rows)
	}
}

func TestAReplayedSeriesKeepsItsTimeZone(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	in := engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr("daily"), Kind: "task", Content: map[string]any{"prompt": "report"},
		Recurrence: hosttest.Ptr("0 9 * * *"), TimeZone: hosttest.Ptr("Asia/Kolkata"), Trigger: true}
	for _, want := range []engine.WriteOutcome{engine.OutcomeWritten, engine.OutcomeReplayed} {
		m, outcome, err := h.WriteMessage(t.Context(), in)
		if err != nil || outcome != want || m.TimeZone == nil || *m.TimeZone != "Asia/Kolkata" {
			t.Errorf("got %+v, %s, %v", m, outcome, err)
		}
	}
}
