package index_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/index"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func mustOpen(t testing.TB, path string) *index.Index {
	t.Helper()
	x, err := index.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { must(t, x.Close()) })
	return x
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func message(session, id, content string, at time.Time) engine.IndexedMail {
	return engine.IndexedMail{Content: content, SearchHit: engine.SearchHit{Direction: engine.DirectionIn, SessionID: session, AgentGroupID: "ag",
		ID: id, Kind: "chat", At: at, MessageStatus: engine.MessageCompleted}}
}

func mustApply(t testing.TB, x *index.Index, mail ...engine.IndexedMail) {
	t.Helper()
	b := engine.IndexBatch{Mail: mail, Place: &engine.IndexPlace{Event: 1, At: noon}}
	seen := map[string]bool{}
	for _, m := range mail {
		if !seen[m.SessionID] {
			seen[m.SessionID] = true
			b.Sessions = append(b.Sessions, engine.IndexedSession{ID: m.SessionID, AgentGroupID: m.AgentGroupID, Messages: "here"})
		}
	}
	must(t, x.Apply(t.Context(), b))
}

// mustFind returns the ids of all hits, in pages of the size given.
func mustFind(t testing.TB, x *index.Index, f engine.SearchFilter, page int) string {
	t.Helper()
	var ids []string
	for p := (engine.Page{Limit: page}); ; {
		f.Now = noon
		found, err := x.Search(t.Context(), p, f)
		must(t, err)
		for _, h := range found.Items {
			ids = append(ids, h.ID)
		}
		if !found.HasNext {
			return strings.Join(ids, " ")
		}
		if found.End == p.Cursor {
			t.Fatalf("page of %+v does not go on", f)
		}
		p.Cursor = found.End
	}
}

func TestSearchFindsWhatTheFilterSelects(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"))
	slack := "slack"
	before := func(n int) time.Time { return noon.Add(-time.Duration(n) * time.Hour) }
	old := message("sess-1", "m1", `{"text":"The Éclair order 66 is LATE","sender":"Ann"}`, before(3))
	waiting := message("sess-1", "m2", `{"text":"50% of \"nothing\" at all"}`, before(2))
	waiting.MessageStatus, waiting.WaitsFrom = engine.MessagePending, &waiting.At
	later := message("sess-2", "m3", `plain words, not JSON`, before(1))
	tomorrow := noon.Add(24 * time.Hour)
	later.MessageStatus, later.WaitsFrom, later.AgentGroupID = engine.MessagePending, &tomorrow, "other"
	reply := engine.IndexedMail{Content: `{"text":"日本語の注文"}`, SearchHit: engine.SearchHit{Direction: engine.DirectionOut, SessionID: "sess-1",
		AgentGroupID: "ag", ID: "r1", Kind: "system", ChannelType: &slack, At: noon, DeliveryStatus: engine.DeliveryFailed}}
	mustApply(t, x, old, waiting, later, reply)
	at := func(t time.Time) *time.Time { return &t }
	for _, c := range []struct {
		name string
		f    engine.SearchFilter
		want string
	}{
		{"all, newest first", engine.SearchFilter{}, "r1 m3 m2 m1"},
		{"a word, whatever its case and accents", engine.SearchFilter{Text: "eclair"}, "m1"},
		{"part of a word", engine.SearchFilter{Text: "othing"}, "m2"},
		{"words in any order", engine.SearchFilter{Text: "late order"}, "m1"},
		{"words in quotes", engine.SearchFilter{Text: `"order 66"`}, "m1"},
		{"words in quotes, in another order", engine.SearchFilter{Text: `"66 order"`}, ""},
		{"short words", engine.SearchFilter{Text: "66"}, "m1"},
		{"a short and a long word", engine.SearchFilter{Text: "of nothing"}, "m2"},
		{"signs that mean something to LIKE", engine.SearchFilter{Text: "0%"}, "m2"},
		{"signs that mean something to FTS", engine.SearchFilter{Text: `nothing" OR "x`}, ""},
		{"no spaces between words", engine.SearchFilter{Text: "注文"}, "r1"},
		{"names of fields are no text", engine.SearchFilter{Text: "sender"}, ""},
		{"an id", engine.SearchFilter{ID: "m2"}, "m2"},
		{"a session's id", engine.SearchFilter{ID: "sess-2"}, "m3"},
		{"a session", engine.SearchFilter{SessionID: "sess-1"}, "r1 m2 m1"},
		{"a session that is not there", engine.SearchFilter{SessionID: "sess-9"}, ""},
		{"an agent group", engine.SearchFilter{AgentGroupID: "other"}, "m3"},
		{"a channel", engine.SearchFilter{ChannelType: "slack"}, "r1"},
		{"a kind", engine.SearchFilter{Kind: "chat"}, "m3 m2 m1"},
		{"a direction", engine.SearchFilter{Direction: engine.DirectionOut}, "r1"},
		{"statuses of messages", engine.SearchFilter{MessageStatus: []engine.MessageStatus{engine.MessagePending, engine.MessageCompleted}}, "m3 m2 m1"},
		{"statuses of both", engine.SearchFilter{MessageStatus: []engine.MessageStatus{engine.MessageCompleted},
			DeliveryStatus: []engine.DeliveryStatus{engine.DeliveryFailed}}, "r1 m1"},
		{"statuses of the other direction", engine.SearchFilter{Direction: engine.DirectionIn, DeliveryStatus: []engine.DeliveryStatus{engine.DeliveryFailed}}, ""},
		{"what waits", engine.SearchFilter{Waiting: true}, "m2"},
		{"a time", engine.SearchFilter{Since: at(before(2)), Until: at(noon)}, "m3 m2"},
		{"all at once", engine.SearchFilter{Text: "order", SessionID: "sess-1", AgentGroupID: "ag", Kind: "chat", MessageStatus: []engine.MessageStatus{engine.MessageCompleted}}, "m1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, page := range []int{1, 100} {
				if got := mustFind(t, x, c.f, page); got != c.want {
					t.Errorf("found %q, not %q, in pages of %d", got, c.want, page)
				}
			}
		})
	}
}

func TestARowThatChangedIsFoundAsItIsNow(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"))
	m := message("sess-1", "m1", `{"text":"before"}`, noon)
	m.MessageStatus = engine.MessagePending
	mustApply(t, x, m)
	m.Content, m.MessageStatus, m.At = `{"text":"afterwards"}`, engine.MessageFailed, noon.Add(time.Hour)
	mustApply(t, x, m)
	if got := mustFind(t, x, engine.SearchFilter{Text: "before"}, 10); got != "" {
		t.Errorf("found %q by its old text", got)
	}
	failed := engine.SearchFilter{Text: "afterwards", MessageStatus: []engine.MessageStatus{engine.MessageFailed}}
	if got := mustFind(t, x, failed, 10); got != "m1" {
		t.Errorf("found %q by its new text and status", got)
	}
}

func TestRowsOfOneMillisecondAreAllFound(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"))
	var mail []engine.IndexedMail
	for i := range 300 {
		mail = append(mail, message("sess-1", fmt.Sprintf("m%d", i), "same time", noon))
	}
	mustApply(t, x, mail...)
	if n := len(strings.Fields(mustFind(t, x, engine.SearchFilter{Text: "same"}, 7))); n != 300 {
		t.Errorf("found %d of 300", n)
	}
}

func TestAForgottenSessionIsNotFound(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"))
	for batch := range 2 {
		var mail []engine.IndexedMail
		for i := range 600 {
			mail = append(mail, message("sess-1", fmt.Sprintf("m%d", 600*batch+i), "going away", noon))
		}
		mustApply(t, x, mail...)
	}
	mustApply(t, x, message("sess-2", "stays", "not going away", noon))
	steps := 0
	for more := true; more; steps++ {
		var err error
		more, err = x.Forget(t.Context(), "sess-1")
		must(t, err)
	}
	if steps < 2 {
		t.Errorf("1,200 rows were removed in %d step", steps)
	}
	if got := mustFind(t, x, engine.SearchFilter{Text: "going"}, 10); got != "stays" {
		t.Errorf("found %q", got)
	}
	is, err := x.IndexedSession(t.Context(), "sess-1")
	must(t, err)
	if is.Messages != "" {
		t.Errorf("%+v is kept of it", is)
	}
}

func TestAnIndexThatCannotBeUsedIsMadeAnew(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"missing": func(t *testing.T, path string) { must(t, index.Remove(path)) },
		"not a database": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600))
		},
		"empty": func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) },
		"of another version": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			_, err = f.WriteAt([]byte{0, 0, 0, 99}, 60) // user_version
			must(t, err)
			must(t, f.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "index.db")
			x, err := index.Open(t.Context(), path, nil)
			must(t, err)
			mustApply(t, x, message("sess-1", "m1", "text", noon))
			must(t, x.Close())
			spoil(t, path)
			x = mustOpen(t, path)
			p, err := x.Place(t.Context())
			must(t, err)
			if p != (engine.IndexPlace{}) {
				t.Errorf("it has come to %+v", p)
			}
			mustApply(t, x, message("sess-1", "m1", "text", noon))
		})
	}
}

// What is damaged behind the first page shows only when it is used.
func TestAnIndexThatIsDamagedInUseIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x, err := index.Open(t.Context(), path, nil)
	must(t, err)
	for batch := range 4 {
		var mail []engine.IndexedMail
		for i := range 200 {
			mail = append(mail, message("sess-1", fmt.Sprintf("m%d", 200*batch+i), strings.Repeat("something ", 50), noon))
		}
		mustApply(t, x, mail...)
	}
	must(t, x.Close())
	info, err := os.Stat(path)
	must(t, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	for at := int64(6 * 4096); at < info.Size(); at += 4096 {
		_, err := f.WriteAt([]byte(strings.Repeat("\xff", 4096)), at)
		must(t, err)
	}
	must(t, f.Close())
	x = mustOpen(t, path)
	batch := engine.IndexBatch{Sessions: []engine.IndexedSession{{ID: "sess-1", AgentGroupID: "ag"}}, Mail: []engine.IndexedMail{message("sess-1", "new", "fresh words", noon)}}
	failures := 0
	for ; failures < 5 && x.Apply(context.WithoutCancel(t.Context()), batch) != nil; failures++ {
	}
	if failures == 0 || failures == 5 {
		t.Fatalf("%d failures before it was made anew", failures)
	}
	if got := mustFind(t, x, engine.SearchFilter{}, 100); got != "new" {
		t.Errorf("found %q", got)
	}
}

func TestAnIndexIsReadByItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	mustApply(t, mustOpen(t, path), message("sess-1", "m1", "secret", noon))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("index.db%s has mode %v", suffix, info.Mode())
		}
	}
}

func TestSelectKeepsSessionsTogetherInTheOrderOfTheirMessages(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"))
	at := func(session, id string, seq int64, hours int) engine.IndexedMail {
		m := message(session, id, "word", noon.Add(time.Duration(hours)*time.Hour))
		m.Seq = seq
		return m
	}
	// What a sender says of its time is not the order of a session.
	mustApply(t, x, at("sess-1", "c", 6, 1), at("sess-2", "d", 2, 0), at("sess-1", "a", 2, 5), at("sess-1", "b", 4, 3), at("sess-2", "e", 4, 9))
	for _, c := range []struct {
		most int
		want string
	}{{10, "d e a b c"}, {2, "a e"}} {
		refs, err := x.Select(t.Context(), engine.SearchFilter{Text: "word"}, c.most)
		must(t, err)
		var ids []string
		for _, r := range refs {
			ids = append(ids, r.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("the newest %d are %s, not %s", c.most, got, c.want)
		}
	}
}
