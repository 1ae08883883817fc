package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

const day = 24 * time.Hour

// newKeeper is an engine with a policy, whose clock is the test's.
func newKeeper(t *testing.T, p engine.RetentionPolicy, changes ...func(*engine.Config)) (*hosttest.Host, *clock) {
	t.Helper()
	c := newClock()
	h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{Now: c.now}, engine.NewEventQueue(), append(changes, func(cfg *engine.Config) { cfg.Retention = p })...)
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	return h, c
}

// retain returns each step as "ACTION session", after a dry run said the same
// and did nothing.
func retain(t *testing.T, h *hosttest.Host, max int) (steps []string, report engine.RetentionReport) {
	t.Helper()
	list := func(dry bool) (all []string, r engine.RetentionReport) {
		r, err := h.Retain(t.Context(), max, dry)
		hosttest.Must(t, err)
		for _, s := range r.Steps {
			if s.Problem != "" {
				t.Errorf("%s %s: %s", s.Action, s.Session.ID, s.Problem)
			}
			all = append(all, fmt.Sprint(s.Action, " ", s.Session.ID))
		}
		return all, r
	}
	before := inboxAndWork(hosttest.Tree(t, filepath.Join(h.Data, "v2-sessions")))
	planned, _ := list(true)
	if now := inboxAndWork(hosttest.Tree(t, filepath.Join(h.Data, "v2-sessions"))); now != before {
		t.Errorf("a dry run changed\n%s\nto\n%s", before, now)
	}
	steps, report = list(false)
	if !slices.Equal(planned, steps) {
		t.Errorf("planned %q, did %q", planned, steps)
	}
	return steps, report
}

// stop has what the container wrote taken notice of.
func stop(t *testing.T, h *hosttest.Host, s engine.Session) {
	t.Helper()
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped)
	hosttest.Must(t, err)
}

// answer has the session's container leave a reply that nobody takes, and stop.
func answer(t *testing.T, h *hosttest.Host, s engine.Session) {
	t.Helper()
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r', 1, '2026-01-01T00:00:00Z', 'chat', '{"text":"x"}')`)
	stop(t, h, s)
	hosttest.Wait(t, "the reply to be noticed", func() bool {
		l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 1}, engine.UnsettledRepliesFilter{})
		hosttest.Must(t, err)
		return len(l.Items) == 1
	})
}

func TestSessionsInWhichNothingWaitsAreClosedWhenTheyAreIdle(t *testing.T) {
	p := engine.RetentionPolicy{CloseIdle: 7 * day}
	for _, c := range []struct {
		name   string
		do     func(*testing.T, *hosttest.Host, engine.Session)
		closed bool
	}{
		{"nothing", func(*testing.T, *hosttest.Host, engine.Session) {}, true},
		{"a message that was answered", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('m', 'completed', '2026-01-01T00:00:00Z')`)
			stop(t, h, s)
		}, true},
		{"context", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			h.Exec(t, s, "inbound.db", `UPDATE messages_in SET "trigger" = 0`)
		}, true},
		{"a message", func(t *testing.T, h *hosttest.Host, s engine.Session) { h.MustWrite(t, s, "m", "hello") }, false},
		{"a paused message", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			_, err := h.PauseMessage(t.Context(), s.ID, "m")
			hosttest.Must(t, err)
		}, false},
		{"a series that rests", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = 'failed', recurrence = '0 9 1 1 *', process_after = '2099-01-01T00:00:00Z'`)
		}, false},
		{"a container", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerIdle)
			hosttest.Must(t, err)
		}, false},
		{"a sign of life", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			at := time.Now().Add(30 * day)
			hosttest.Must(t, os.WriteFile(h.Folder(s, ".heartbeat"), nil, 0o600))
			hosttest.Must(t, os.Chtimes(h.Folder(s, ".heartbeat"), at, at))
		}, false},
		{"a reply that nobody took", func(t *testing.T, h *hosttest.Host, s engine.Session) { answer(t, h, s) }, false},
		{"a paused reply", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			answer(t, h, s)
			_, err := h.PauseReply(t.Context(), s.ID, "r")
			hosttest.Must(t, err)
		}, false},
		{"a cancelled reply", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			answer(t, h, s)
			_, err := h.CancelReply(t.Context(), s.ID, "r")
			hosttest.Must(t, err)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, clock := newKeeper(t, p)
			s := h.Session(t)
			c.do(t, h, s)
			clock.move(6 * day)
			if steps, _ := retain(t, h, 100); len(steps) > 0 {
				t.Errorf("too early: %q", steps)
			}
			clock.move(2 * day)
			steps, _ := retain(t, h, 100)
			s, err := h.Engine.Session(t.Context(), s.ID)
			hosttest.Must(t, err)
			if closed := s.Status == engine.SessionClosed; closed != c.closed || closed != (len(steps) == 1) {
				t.Errorf("it is %s, after %q", s.Status, steps)
			}
			if c.closed && told(t, h, s)[engine.EventSessionClosed] != 1 {
				t.Error("nobody was told")
			}
		})
	}
}

// Sessions that must stay, before all others in the order of idleness, keep
// retention from none of those.
func TestSessionsThatStayHoldUpNoOthers(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{CloseIdle: day})
	for range 3 {
		h.MustWrite(t, h.Session(t), "m", "waits")
		clock.move(time.Second)
	}
	idle := map[string]bool{}
	for range 5 {
		idle["CLOSE "+h.Session(t).ID] = true
	}
	talking := h.Session(t)
	clock.move(2 * day)
	h.MustWrite(t, talking, "m", "hello") // the index does not know of it
	for range 10 {
		steps, report := retain(t, h, 2)
		if len(steps) > 2 {
			t.Errorf("%d steps", len(steps))
		}
		for _, s := range steps {
			if !idle[s] {
				t.Errorf("%s", s)
			}
			delete(idle, s)
		}
		if len(idle) == 0 && !report.More {
			return
		}
	}
	t.Errorf("left: %v", idle)
}

func TestFilesThatWereDealtWithAreRemovedAndNoOthers(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{PruneFiles: 7 * day})
	s := h.Session(t)
	done := func(id string) {
		h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('`+id+`', 'completed', '`+engine.FormatTime(clock.now())+`')`)
		hosttest.Wait(t, "the acknowledgement", func() bool {
			m, err := h.Message(t.Context(), s.ID, id)
			hosttest.Must(t, err)
			return m.Status == engine.MessageCompleted
		})
		stop(t, h, s)
	}
	for _, id := range []string{"old", "retried", "waits", "failed"} {
		h.MustWrite(t, s, id, hosttest.Attach(hosttest.File("a.txt", "hello")))
	}
	done("old")
	done("retried")
	_, err := h.RetryMessage(t.Context(), s.ID, "retried")
	hosttest.Must(t, err)
	h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = 'failed' WHERE id = 'failed'`)
	h.Exec(t, s, "inbound.db", `INSERT INTO delivered VALUES ('gone', NULL, 'delivered', '`+engine.FormatTime(clock.now())+`'), ('lost', NULL, 'failed', '`+engine.FormatTime(clock.now())+`')`)
	outside := filepath.Join(h.Data, "outside")
	hosttest.Must(t, os.MkdirAll(outside, 0o700))
	hosttest.Must(t, os.WriteFile(filepath.Join(outside, "precious"), nil, 0o600))
	for _, id := range []string{"gone", "lost", "unsent"} {
		hosttest.Must(t, os.MkdirAll(h.Folder(s, "outbox", id), 0o700))
		hosttest.Must(t, os.WriteFile(h.Folder(s, "outbox", id, "f"), []byte("12345"), 0o600))
	}
	hosttest.Must(t, os.Symlink(outside, h.Folder(s, "outbox", "gone", "link")))
	clock.move(6 * day)
	h.MustWrite(t, s, "young", hosttest.Attach(hosttest.File("a.txt", "hello")))
	done("young")
	if steps, _ := retain(t, h, 100); len(steps) > 0 {
		t.Errorf("too early: %q", steps)
	}
	clock.move(2 * day)
	steps, report := retain(t, h, 100)
	if len(steps) != 1 || report.Steps[0].Files != 2 || report.Steps[0].Bytes != 10 {
		t.Fatalf("%q: %+v", steps, report)
	}
	for path, want := range map[string]bool{"inbox/old": false, "inbox/retried": true, "inbox/waits": true, "inbox/failed": true, "inbox/young": true,
		"outbox/gone": false, "outbox/lost": true, "outbox/unsent": true} {
		if _, err := os.Stat(h.Folder(s, filepath.FromSlash(path))); (err == nil) != want {
			t.Errorf("%s is there: %v", path, err == nil)
		}
	}
	if _, err := os.Stat(filepath.Join(outside, "precious")); err != nil {
		t.Error("a link was followed:", err)
	}
	if steps, _ := retain(t, h, 100); len(steps) > 0 {
		t.Errorf("again: %q", steps)
	}
	clock.move(7 * day)
	if steps, _ := retain(t, h, 100); len(steps) != 1 {
		t.Errorf("what was young is kept: %q", steps)
	}
}

// A sender may write any path: what is removed is only what the engine made.
func TestPathsThatASenderMadeUpHaveNothingRemoved(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{PruneFiles: 7 * day})
	s := h.Session(t)
	h.MustWrite(t, s, "waits", hosttest.Attach(hosttest.File("a.txt", "hello")))
	for id, path := range map[string]string{"up": "inbox/../x", "here": "inbox/./x", "other": "inbox/waits/x"} {
		h.MustWrite(t, s, id, map[string]any{"attachments": []any{map[string]any{"localPath": path}}})
		h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = 'completed' WHERE id = '`+id+`'`)
	}
	clock.move(8 * day)
	if steps, _ := retain(t, h, 100); len(steps) > 0 {
		t.Errorf("%q", steps)
	}
	for _, path := range []string{"inbound.db", "outbound.db", "inbox/waits/a.txt"} {
		if _, err := os.Stat(h.Folder(s, filepath.FromSlash(path))); err != nil {
			t.Error(err)
		}
	}
}

// More than one run removes, and what is long gone, delay nothing for ever.
func TestFilesOfManyMessagesAreRemovedInTurns(t *testing.T) {
	const many = 1001
	h, clock := newKeeper(t, engine.RetentionPolicy{PruneFiles: 7 * day})
	s := h.Session(t)
	h.Exec(t, s, "inbound.db", fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO messages_in (id, seq, kind, timestamp, status, content)
		SELECT 'm' || i, 2 * i, 'chat', '2020-01-01T00:00:00Z', 'completed', '{"attachments":[{"localPath":"inbox/m' || i || '/f"}]}' FROM n`, many))
	for i := range many {
		hosttest.Must(t, os.MkdirAll(h.Folder(s, "inbox", fmt.Sprint("m", i+1)), 0o700))
		hosttest.Must(t, os.WriteFile(h.Folder(s, "inbox", fmt.Sprint("m", i+1), "f"), []byte("x"), 0o600))
	}
	clock.move(8 * day)
	for want := true; want; {
		steps, report := retain(t, h, 100)
		if want = report.More; want && len(steps) == 0 {
			t.Fatal("there is more, of which nothing is removed")
		}
	}
	if left, err := os.ReadDir(h.Folder(s, "inbox")); err != nil || len(left) > 0 {
		t.Errorf("%d are left: %v", len(left), err)
	}
}

// archived is a closed session with some content, made an archive.
func archived(t *testing.T, h *hosttest.Host, clock *clock) (s engine.Session, tree string) {
	t.Helper()
	s = h.Session(t)
	h.MustWrite(t, s, "m", hosttest.Attach(hosttest.File("ä.txt", "hello")))
	hosttest.Must(t, os.MkdirAll(h.Folder(s, "work", "deep"), 0o750))
	hosttest.Must(t, os.WriteFile(h.Folder(s, "work", "deep", "run.sh"), []byte("#!/bin/sh\n"), 0o755))
	_, err := h.CloseSession(t.Context(), s.ID)
	hosttest.Must(t, err)
	tree = hosttest.Tree(t, h.Folder(s))
	clock.move(8 * day)
	if steps, report := retain(t, h, 100); len(steps) != 1 || steps[0] != "ARCHIVE "+s.ID || report.Steps[0].Files < 4 {
		t.Fatalf("%q: %+v", steps, report)
	}
	return s, tree
}

func TestAnArchivedSessionComesBackAsItWas(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
	s, tree := archived(t, h, clock)
	_, err := h.Engine.Session(t.Context(), s.ID)
	hosttest.WantCode(t, err, engine.CodeNotFound)
	if _, err := os.Stat(h.Folder(s)); !os.IsNotExist(err) {
		t.Errorf("its folder is there: %v", err)
	}
	if told(t, h, s)[engine.EventSessionArchived] != 1 {
		t.Error("nobody was told")
	}
	back, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
	hosttest.Must(t, err)
	if back.ID != s.ID || back.Status != engine.SessionActive || !back.CreatedAt.Equal(s.CreatedAt) || *back.MessagingGroupID != *s.MessagingGroupID {
		t.Errorf("%+v", back)
	}
	if now := hosttest.Tree(t, h.Folder(s)); inboxAndWork(now) != inboxAndWork(tree) {
		t.Errorf("it was\n%s\nand is\n%s", tree, now)
	}
	if m, err := h.Message(t.Context(), s.ID, "m"); err != nil || m.Status != engine.MessagePending {
		t.Errorf("%+v, %v", m, err)
	}
	found, created, err := h.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: s.AgentGroupID, MessagingGroupID: s.MessagingGroupID})
	if err != nil || created || found.ID != s.ID {
		t.Errorf("the conversation goes on in %s: %v", found.ID, err)
	}
	_, outcome, err := h.Write(t, s, "m", hosttest.Attach(hosttest.File("ä.txt", "hello")))
	if err != nil || outcome != engine.OutcomeReplayed {
		t.Errorf("a message that was accepted before is %s: %v", outcome, err)
	}
	_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
	hosttest.WantCode(t, err, engine.CodeConflict)
	if n := told(t, h, s)[engine.EventSessionRestored]; n != 1 {
		t.Errorf("told %d times", n)
	}
	if left, err := os.ReadDir(filepath.Join(h.Data, "archives")); err != nil || len(left) > 0 {
		t.Errorf("left in archives: %v, %v", left, err)
	}
}

// inboxAndWork leaves out of a tree what the engine writes by itself.
func inboxAndWork(tree string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(tree, "\n"), func(line string) bool {
		return !strings.Contains(line, "/inbox/") && !strings.Contains(line, "/outbox/") && !strings.Contains(line, "/work")
	}), "\n")
}

func TestARestoreOverwritesNothing(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
	s, _ := archived(t, h, clock)
	other, _, err := h.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: s.AgentGroupID, MessagingGroupID: s.MessagingGroupID})
	hosttest.Must(t, err)
	_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
	hosttest.WantCode(t, err, engine.CodeConflict)
	if !strings.Contains(err.Error(), other.ID) {
		t.Errorf("the reason does not name the other session: %v", err)
	}
	hosttest.Must(t, os.MkdirAll(h.Folder(s), 0o700))
	hosttest.Must(t, os.WriteFile(h.Folder(s, "somebody's"), []byte("work"), 0o600))
	_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID, Closed: true})
	hosttest.WantCode(t, err, engine.CodeConflict)
	if _, err := h.Retain(t.Context(), 1, false); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(h.Folder(s, "somebody's")); string(b) != "work" {
		t.Errorf("a folder that was there is not as it was: %v", err)
	}
	hosttest.Must(t, os.RemoveAll(h.Folder(s)))
	back, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID, Closed: true})
	if err != nil || back.Status != engine.SessionClosed {
		t.Errorf("%s, %v", back.Status, err)
	}
	for _, id := range []string{"sess-nobody", "../x", "", "agents"} {
		if _, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: id}); engine.CodeOf(err) != engine.CodeNotFound && engine.CodeOf(err) != engine.CodeInvalidInput {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// What a container left in its folder leads an archive nowhere else.
func TestAnArchiveFollowsNoLink(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
	s := h.Session(t)
	secret := filepath.Join(h.Data, "secret")
	hosttest.Must(t, os.WriteFile(secret, []byte("the secret"), 0o600))
	hosttest.Must(t, os.Symlink(secret, h.Folder(s, "link")))
	hosttest.Must(t, os.RemoveAll(h.Folder(s, "outbox")))
	hosttest.Must(t, os.Symlink(h.Data, h.Folder(s, "outbox")))
	hosttest.Must(t, unix.Mkfifo(h.Folder(s, "fifo"), 0o600))
	_, err := h.CloseSession(t.Context(), s.ID)
	hosttest.Must(t, err)
	clock.move(8 * day)
	if steps, _ := retain(t, h, 100); len(steps) != 1 {
		t.Fatalf("%q", steps)
	}
	b, err := os.ReadFile(filepath.Join(h.Data, "archives", s.ID+".tar"))
	hosttest.Must(t, err)
	if strings.Contains(string(b), "the secret") {
		t.Error("a link was followed")
	}
	if !strings.Contains(string(b), `"skipped":[`) {
		t.Error("the manifest does not say what was left out")
	}
	if _, err := os.Stat(secret); err != nil {
		t.Error("what a link leads to was removed:", err)
	}
	_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
	hosttest.Must(t, err)
}

// What tools leave read-only is the agent's own, and goes with the folder.
func TestReadOnlyDirectoriesGoWithTheirFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may remove files from any directory")
	}
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
	s := h.Session(t)
	hosttest.Must(t, os.MkdirAll(h.Folder(s, "cache", "module", "sub"), 0o700))
	hosttest.Must(t, os.WriteFile(h.Folder(s, "cache", "module", "file"), nil, 0o400))
	hosttest.Must(t, os.Chmod(h.Folder(s, "cache", "module"), 0o500))
	_, err := h.CloseSession(t.Context(), s.ID)
	hosttest.Must(t, err)
	clock.move(8 * day)
	if steps, _ := retain(t, h, 100); len(steps) != 1 {
		t.Fatalf("%q", steps)
	}
	if _, err := os.Stat(h.Folder(s)); !os.IsNotExist(err) {
		t.Errorf("its folder is there: %v", err)
	}
	_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
	hosttest.Must(t, err)
	if st, err := os.Stat(h.Folder(s, "cache", "module")); err != nil || st.Mode().Perm() != 0o500 {
		t.Errorf("%v, %v", st, err)
	}
	hosttest.Must(t, os.Chmod(h.Folder(s, "cache", "module"), 0o700))
}

// stuckFolders cannot remove the folders of some sessions.
type stuckFolders struct {
	engine.Mailboxes
	stuck map[string]bool
}

func (f stuckFolders) RemoveFolder(ctx context.Context, agentGroupID, sessionID string) error {
	if f.stuck[sessionID] {
		return unix.EROFS
	}
	return f.Mailboxes.RemoveFolder(ctx, agentGroupID, sessionID)
}

func TestAFolderThatCannotBeRemovedHoldsUpNoOthers(t *testing.T) {
	stuck := map[string]bool{}
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day}, func(c *engine.Config) { c.Mailboxes = stuckFolders{c.Mailboxes, stuck} })
	for i := range 3 {
		s := h.Session(t)
		stuck[s.ID] = i == 0
		_, err := h.CloseSession(t.Context(), s.ID)
		hosttest.Must(t, err)
		clock.move(8 * day)
		r, err := h.Retain(t.Context(), 10, false)
		hosttest.Must(t, err)
		if len(r.Steps) != 1 || (r.Steps[0].Problem != "") != stuck[s.ID] {
			t.Errorf("%d: %+v", i, r.Steps)
		}
		if _, err := os.Stat(h.Folder(s)); (err == nil) != stuck[s.ID] {
			t.Errorf("%d: its folder: %v", i, err)
		}
	}
}

// meddling does something while an archive is written, which asks it again and
// again whether to go on.
type meddling struct {
	context.Context
	archive string
	do      func()
}

func (m *meddling) Err() error {
	if _, err := os.Stat(m.archive); err == nil && m.do != nil {
		do := m.do
		m.do = nil
		do()
	}
	return m.Context.Err()
}

// Half of one state and half of the next is no archive.
func TestAFolderThatIsWrittenToMeanwhileIsNotArchived(t *testing.T) {
	for _, name := range []string{"inbound.db", "outbound.db"} {
		h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
		s := h.Session(t)
		old := time.Now().Add(-time.Hour)
		hosttest.Must(t, os.Chtimes(h.Folder(s, name), old, old))
		_, err := h.CloseSession(t.Context(), s.ID)
		hosttest.Must(t, err)
		clock.move(8 * day)
		ctx := &meddling{t.Context(), filepath.Join(h.Data, "archives", s.ID+".tar.new"), func() {
			h.Exec(t, s, name, `CREATE TABLE more (x)`)
		}}
		r, err := h.Retain(ctx, 10, false)
		hosttest.Must(t, err)
		if ctx.do != nil || len(r.Steps) != 1 || !strings.Contains(r.Steps[0].Problem, "while it was archived") {
			t.Errorf("%s: %+v", name, r)
		}
		if left, err := os.ReadDir(filepath.Join(h.Data, "archives")); err != nil || len(left) > 0 {
			t.Errorf("left in archives: %v, %v", left, err)
		}
		if steps, _ := retain(t, h, 100); len(steps) != 1 {
			t.Errorf("the next run: %q", steps)
		}
	}
}

// An archive may take long: who waits for it may go.
func TestWhoeverWaitsForARunOfRetentionMayGo(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
	s := h.Session(t)
	_, err := h.CloseSession(t.Context(), s.ID)
	hosttest.Must(t, err)
	clock.move(8 * day)
	asked := false
	ctx := &meddling{t.Context(), filepath.Join(h.Data, "archives", s.ID+".tar.new"), func() {
		asked = true
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := h.Retain(gone, 10, true)
		hosttest.WantCode(t, err, engine.CodeUnavailable)
	}}
	r, err := h.Retain(ctx, 10, false)
	if err != nil || !asked || len(r.Steps) != 1 || r.Steps[0].Problem != "" {
		t.Errorf("%+v, %v, asked meanwhile: %v", r, err, asked)
	}
}

// A sparse file of a terabyte is no reason to fill the disk.
func TestAFolderThatIsTooLargeStays(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
	s := h.Session(t)
	f, err := os.Create(h.Folder(s, "sparse"))
	hosttest.Must(t, err)
	hosttest.Must(t, f.Truncate(1<<40))
	hosttest.Must(t, f.Close())
	_, err = h.CloseSession(t.Context(), s.ID)
	hosttest.Must(t, err)
	clock.move(8 * day)
	r, err := h.Retain(t.Context(), 10, false)
	hosttest.Must(t, err)
	if len(r.Steps) != 1 || !strings.Contains(r.Steps[0].Problem, "cannot be archived") {
		t.Errorf("%+v", r)
	}
	if left, err := os.ReadDir(filepath.Join(h.Data, "archives")); err != nil || len(left) > 0 {
		t.Errorf("left in archives: %v, %v", left, err)
	}
	if _, err := h.Engine.Session(context.Background(), s.ID); err != nil {
		t.Error(err)
	}
}
