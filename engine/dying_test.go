package engine_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// step ends the process, as any SIGKILL does, where it is to end.
func step(name string) {
	if os.Getenv("TWINBOX_DIE_AT") == name {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

type dyingMailboxes struct{ engine.Mailboxes }

func (d dyingMailboxes) Archive(ctx context.Context, s engine.Session) (int, int64, error) {
	step("archive begins")
	files, bytes, err := d.Mailboxes.Archive(ctx, s)
	step("archive is made")
	return files, bytes, err
}

func (d dyingMailboxes) RemoveFolder(ctx context.Context, agentGroupID, sessionID string) error {
	if folder := os.Getenv("TWINBOX_DIE_IN") + "/v2-sessions/" + agentGroupID + "/" + sessionID; os.Getenv("TWINBOX_DIE_AT") == "folder is half removed" {
		_ = os.Remove(folder + "/outbound.db")
		_ = os.RemoveAll(folder + "/inbox")
		step("folder is half removed")
	}
	err := d.Mailboxes.RemoveFolder(ctx, agentGroupID, sessionID)
	step("folder is removed")
	return err
}

func (d dyingMailboxes) Unarchive(ctx context.Context, s engine.Session, ready func() error) error {
	step("restore begins")
	err := d.Mailboxes.Unarchive(ctx, s, func() error {
		step("folder is extracted")
		err := ready()
		step("folder is noted")
		return err
	})
	step("folder is in place")
	return err
}

func (d dyingMailboxes) RemoveArchive(ctx context.Context, sessionID string) error {
	step("session is restored")
	err := d.Mailboxes.RemoveArchive(ctx, sessionID)
	step("archive is removed")
	return err
}

type dyingRegistry struct{ engine.Registry }

func (d dyingRegistry) ArchiveSession(ctx context.Context, sessionID string, at time.Time) error {
	err := d.Registry.ArchiveSession(ctx, sessionID, at)
	step("registry knows")
	return err
}

// later is a clock behind any policy's time.
func later() time.Time { return time.Now().Add(30 * day) }

// TestDyingKeeper is the process that is killed in the tests below.
func TestDyingKeeper(t *testing.T) {
	data := os.Getenv("TWINBOX_DIE_IN")
	if data == "" {
		t.Skip("it runs as a part of other tests")
	}
	h := hosttest.OpenWith(t, data, sessions.Options{Now: later}, engine.NewEventQueue(), func(c *engine.Config) {
		c.Retention = engine.RetentionPolicy{ArchiveClosed: day}
		c.Mailboxes, c.Registry = dyingMailboxes{c.Mailboxes}, dyingRegistry{c.Registry}
	})
	if id := os.Getenv("TWINBOX_RESTORE"); id != "" {
		_, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: id})
		hosttest.Must(t, err)
		return
	}
	_, err := h.Retain(t.Context(), 10, false)
	hosttest.Must(t, err)
}

func die(t *testing.T, data, at, restore string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDyingKeeper$")
	c.Env = append(os.Environ(), "TWINBOX_DIE_IN="+data, "TWINBOX_DIE_AT="+at, "TWINBOX_RESTORE="+restore)
	out, err := c.CombinedOutput()
	status, ok := c.ProcessState.Sys().(syscall.WaitStatus)
	if err == nil || !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed at %q: %v\n%s", at, err, out)
	}
}

// keeperAfter is an engine on what a kill left, and its session.
func keeperAfter(t *testing.T, data string) *hosttest.Host {
	t.Helper()
	return hosttest.OpenWith(t, data, sessions.Options{Now: later}, engine.NewEventQueue(), func(c *engine.Config) {
		c.Retention = engine.RetentionPolicy{ArchiveClosed: day}
	})
}

// kept is a data directory with one closed session that has a message.
func kept(t *testing.T) (data string, s engine.Session) {
	t.Helper()
	data = t.TempDir()
	h := hosttest.OpenAt(t, data, sessions.Options{})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	s = h.Session(t)
	h.MustWrite(t, s, "m", hosttest.Attach(hosttest.File("a.txt", "hello")))
	_, err = h.CloseSession(t.Context(), s.ID)
	hosttest.Must(t, err)
	hosttest.Must(t, h.Close())
	return data, s
}

func checkKept(t *testing.T, h *hosttest.Host, s engine.Session) {
	t.Helper()
	m, err := h.Message(t.Context(), s.ID, "m")
	hosttest.Must(t, err)
	files, err := h.MessageAttachments(t.Context(), s, m)
	hosttest.Must(t, err)
	if len(files) != 1 {
		t.Fatalf("its files: %v", files)
	}
	if b, err := os.ReadFile(h.Folder(s, filepath.FromSlash(files[0].Path))); string(b) != "hello" {
		t.Errorf("its file has %q: %v", b, err)
	}
}

func TestAnArchiveSurvivesKills(t *testing.T) {
	for _, at := range []string{"archive begins", "archive is made", "registry knows", "folder is half removed", "folder is removed"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			data, s := kept(t)
			// What a kill in the middle of writing leaves.
			hosttest.Must(t, os.WriteFile(filepath.Join(data, "archives", s.ID+".tar.new"), []byte("half"), 0o600))
			die(t, data, at, "")
			h := keeperAfter(t, data)
			if _, err := h.Engine.Session(t.Context(), s.ID); err == nil {
				checkKept(t, h, s) // the folder counts
			} else {
				hosttest.WantCode(t, err, engine.CodeNotFound)
			}
			_, err := h.Retain(t.Context(), 10, false)
			hosttest.Must(t, err)
			if _, err := os.Stat(h.Folder(s)); !os.IsNotExist(err) {
				t.Errorf("the folder stays: %v", err)
			}
			_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
			hosttest.Must(t, err)
			checkKept(t, h, s)
			if left, err := os.ReadDir(filepath.Join(data, "archives")); err != nil || len(left) > 0 {
				t.Errorf("left in archives: %v, %v", left, err)
			}
		})
	}
}

func TestARestoreSurvivesKills(t *testing.T) {
	for _, at := range []string{"restore begins", "folder is extracted", "folder is noted", "folder is in place", "session is restored", "archive is removed"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			data, s := kept(t)
			h := keeperAfter(t, data)
			_, err := h.Retain(t.Context(), 10, false)
			hosttest.Must(t, err)
			hosttest.Must(t, h.Close())
			die(t, data, at, s.ID)
			h = keeperAfter(t, data)
			if _, err := h.Engine.Session(t.Context(), s.ID); err != nil {
				hosttest.WantCode(t, err, engine.CodeNotFound)
				_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
				hosttest.Must(t, err)
			}
			checkKept(t, h, s)
		})
	}
}
