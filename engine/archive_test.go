package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

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
