package registry_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

func mustFind(t *testing.T, r *registry.Registry, s engine.Session) engine.Session {
	t.Helper()
	k, ok := s.Key()
	if !ok {
		t.Fatalf("%s has no key", s.ID)
	}
	found, err := r.FindSession(t.Context(), k)
	must(t, err)
	return found
}

// Lesson 7: the lookup ignored the agent group.
func TestTwoAgentsInOneChatDoNotGetEachOthersMessages(t *testing.T) {
	r := mustNew(t)
	for _, mode := range []engine.SessionMode{engine.ModeShared, engine.ModePerThread, engine.ModeAgentShared} {
		for _, group := range []string{"ag", "other"} {
			s := session(fmt.Sprintf("sess-%s-%s", mode, group), group, mode, "mg", "t")
			must(t, r.CreateSession(t.Context(), s))
		}
	}
	for _, mode := range []engine.SessionMode{engine.ModeShared, engine.ModePerThread, engine.ModeAgentShared} {
		for _, group := range []string{"ag", "other"} {
			want := fmt.Sprintf("sess-%s-%s", mode, group)
			if got := mustFind(t, r, session("", group, mode, "mg", "t")); got.ID != want {
				t.Errorf("found %s, not %s", got.ID, want)
			}
		}
	}
}

// Lesson 8: two callers made a session each.
func TestTwoHundredCallersAtOnceMakeOneSession(t *testing.T) {
	r := mustNew(t)
	var (
		wg  sync.WaitGroup
		won = make(chan string, 200)
	)
	for i := range 200 {
		wg.Go(func() {
			s := session(fmt.Sprintf("sess-%d", i), "ag", engine.ModeShared, "mg", "")
			switch err := r.CreateSession(t.Context(), s); engine.CodeOf(err) {
			case "":
				won <- s.ID
			case engine.CodeConflict:
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d callers won", len(won))
	}
	if id, got := <-won, mustFind(t, r, session("", "ag", engine.ModeShared, "mg", "")); got.ID != id {
		t.Errorf("found %s, but %s won", got.ID, id)
	}
	l, err := r.Sessions(t.Context(), engine.Page{Limit: 100}, engine.SessionFilter{})
	must(t, err)
	if len(l.Items) != 1 {
		t.Errorf("%d sessions", len(l.Items))
	}
}

// Lesson 9: the shared session moved to whichever was newest.
func TestAgentSharedSessionIsNotTheNewestOfAnotherMode(t *testing.T) {
	r := mustNew(t)
	must(t, r.CreateSession(t.Context(), session("sess-agent", "ag", engine.ModeAgentShared, "", "")))
	must(t, r.CreateSession(t.Context(), session("sess-chat", "ag", engine.ModeShared, "mg", "")))
	must(t, r.CreateSession(t.Context(), session("sess-thread", "ag", engine.ModePerThread, "mg", "t")))
	if got := mustFind(t, r, session("", "ag", engine.ModeAgentShared, "", "")); got.ID != "sess-agent" {
		t.Errorf("found %s", got.ID)
	}
}

func TestThreadsThatLookAlikeAreDifferentKeys(t *testing.T) {
	r := mustNew(t)
	threads := []*string{nil}
	for _, s := range []string{"", "/", "a", "a/b", "a\x00b", "A", "mg", "null", `"a"`, "a "} {
		threads = append(threads, &s)
	}
	for i, thread := range threads {
		s := session(fmt.Sprintf("sess-%d", i), "ag", engine.ModePerThread, "mg", "")
		s.ThreadID = thread
		must(t, r.CreateSession(t.Context(), s))
	}
	for i, thread := range threads {
		s := session("", "ag", engine.ModePerThread, "mg", "")
		s.ThreadID = thread
		if got := mustFind(t, r, s); got.ID != fmt.Sprintf("sess-%d", i) {
			t.Errorf("thread %d: found %s", i, got.ID)
		}
	}
}

func TestForgedKeysFindNothing(t *testing.T) {
	r := mustNew(t)
	must(t, r.CreateSession(t.Context(), session("sess-1", "ag", engine.ModePerThread, "mg", "t")))
	for _, k := range []engine.SessionKey{
		{Mode: engine.ModePerThread, AgentGroupID: "ag/mg", MessagingGroupID: "t"},
		{Mode: engine.ModePerThread, AgentGroupID: "ag", MessagingGroupID: "mg/t"},
		{Mode: engine.ModePerThread, AgentGroupID: "ag/mg/t"},
		{Mode: engine.ModePerThread, AgentGroupID: "ag", MessagingGroupID: "mg"},
		{},
	} {
		_, err := r.FindSession(t.Context(), k)
		wantCode(t, err, engine.CodeNotFound)
	}
}

func TestClosedSessionGivesItsKeyFree(t *testing.T) {
	r := mustNew(t)
	s := session("sess-1", "ag", engine.ModeShared, "mg", "")
	must(t, r.CreateSession(t.Context(), s))
	for range 2 { // closing a closed one changes nothing
		closed, err := r.CloseSession(t.Context(), "sess-1", time.Now())
		must(t, err)
		if closed.Status != engine.SessionClosed || closed.ID != "sess-1" {
			t.Fatalf("%+v", closed)
		}
	}
	k, _ := s.Key()
	_, err := r.FindSession(t.Context(), k)
	wantCode(t, err, engine.CodeNotFound)
	s.ID = "sess-2"
	must(t, r.CreateSession(t.Context(), s))
	if got := mustFind(t, r, s); got.ID != "sess-2" {
		t.Errorf("found %s", got.ID)
	}
}

func TestSessionsWithoutAChatDoNotConflict(t *testing.T) {
	r := mustNew(t)
	mustSession(t, r, "sess-1")
	mustSession(t, r, "sess-2")
	wantCode(t, r.CreateSession(t.Context(), session("sess-2", "ag", engine.ModeShared, "", "")), engine.CodeConflict, "id")
}

func TestUnknownAndUnsafeIDs(t *testing.T) {
	r := mustNew(t)
	ctx := t.Context()
	wantCode(t, r.CreateSession(ctx, session("sess-1", "none", engine.ModeShared, "mg", "")), engine.CodeNotFound, "agentGroupId")
	wantCode(t, r.CreateSession(ctx, session("sess-1", "ag", engine.ModeShared, "none", "")), engine.CodeNotFound, "messagingGroupId")
	_, err := r.Session(ctx, "sess-1")
	wantCode(t, err, engine.CodeNotFound)
	_, err = r.SetContainerStatus(ctx, "sess-1", engine.ContainerIdle)
	wantCode(t, err, engine.CodeNotFound)
	_, err = r.CloseSession(ctx, "sess-1", time.Now())
	wantCode(t, err, engine.CodeNotFound)
	for _, id := range []string{"", "..", "../x", ".x", "a/b", "a\x00", "ä", strings.Repeat("a", 129)} {
		wantCode(t, r.CreateAgentGroup(ctx, engine.AgentGroup{ID: id}), engine.CodeInvalidInput, "id")
		_, _, err := r.EnsureMessagingGroup(ctx, engine.MessagingGroup{ID: id, ChannelType: "x", PlatformID: "y"})
		wantCode(t, err, engine.CodeInvalidInput, "id")
		wantCode(t, r.CreateSession(ctx, session(id, "ag", engine.ModeShared, "", "")), engine.CodeInvalidInput, "id")
		_, err = r.Session(ctx, id)
		wantCode(t, err, engine.CodeNotFound)
		_, err = r.CloseSession(ctx, id, time.Now())
		wantCode(t, err, engine.CodeNotFound)
		if id != "" && strings.Contains(err.Error(), id) {
			t.Errorf("the error repeats %q", id)
		}
	}
}

func TestContainerStatusIsReturnedAndKept(t *testing.T) {
	r := mustNew(t)
	mustSession(t, r, "sess-1")
	for _, status := range []engine.ContainerStatus{engine.ContainerRunning, engine.ContainerIdle, engine.ContainerStopped} {
		s, err := r.SetContainerStatus(t.Context(), "sess-1", status)
		must(t, err)
		again, err := r.Session(t.Context(), "sess-1")
		must(t, err)
		if s.ContainerStatus != status || again.ContainerStatus != status {
			t.Errorf("%s, then %s, not %s", s.ContainerStatus, again.ContainerStatus, status)
		}
	}
}

// Each caller of a shared transaction has its own outcome.
func TestFailuresAmongManyWritersFailAlone(t *testing.T) {
	r := mustNew(t)
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			id, group := fmt.Sprintf("sess-%d", i), "ag"
			if i%3 == 0 {
				group = "none"
			}
			err := r.CreateSession(t.Context(), session(id, group, engine.ModeShared, "", ""))
			if (err != nil) != (i%3 == 0) {
				t.Errorf("%s: %v", id, err)
			}
			if _, rerr := r.Session(t.Context(), id); (rerr == nil) != (err == nil) {
				t.Errorf("%s: created: %v, read: %v", id, err, rerr)
			}
		})
	}
	wg.Wait()
}
