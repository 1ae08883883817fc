package tests_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// replaceFolder puts databases that another host made in place of ours, with
// one message and one reply in them.
func (s session) replaceFolder(t *testing.T, args ...string) {
	t.Helper()
	for _, name := range []string{"inbound.db", "outbound.db"} {
		if err := os.Remove(filepath.Join(s.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	foreign.Run(t, "create", s.folder, args...)
	foreign.Run(t, "write", s.folder, "theirs", `{"text":"from before"}`)
	foreign.Run(t, "reply", s.folder, "--id", "r1", "--in-reply-to", "theirs", "--content", "hello")
}

func TestFolderOfAnotherHostIsTakenOver(t *testing.T) {
	for name, args := range map[string][]string{"current": nil, "old": {"--old"}} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			s.replaceFolder(t, args...)

			if m := s.messages(t); len(m) != 1 || m[0].MessageID != "theirs" || m[0].Seq != 2 || m[0].Status != "PENDING" ||
				m[0].ContentText != `{"text":"from before"}` || !m[0].Trigger {
				t.Errorf("before the first write the messages are %+v", m)
			}
			if r := s.replies(t); len(r) != 1 || r[0].ReplyID != "r1" || *r[0].InReplyTo != "theirs" || r[0].ContentText != "hello" {
				t.Errorf("the replies are %+v", r)
			}
			s.write(t, "ours", "from now")
			s.mark(t, "RUNNING")

			due := foreign.Poll(t, s.folder)
			if len(due) != 2 || due[0].ID != "theirs" || due[0].Content != `{"text":"from before"}` || due[0].Trigger != 1 || due[0].OnWake != 0 ||
				due[1].ID != "ours" || due[1].Seq != 4 || *due[1].SeriesID != "ours" {
				t.Errorf("the container finds %+v", due)
			}
			if routing := foreign.Rows(t, s.folder, "inbound", "session_routing"); len(routing) != 1 || routing[0]["platform_id"] != t.Name() {
				t.Errorf("session_routing is %v", routing)
			}
			foreign.Rows(t, s.folder, "inbound", "destinations")
			foreign.Run(t, "complete", s.folder, "theirs")
			s.mark(t, "STOPPED")
			if got := foreign.Rows(t, s.folder, "inbound", "messages_in")[0]["status"]; got != "completed" {
				t.Errorf("messages_in.status of the message from before is %v", got)
			}
			s.checkSound(t, 2, 1)
		})
	}
}

func TestHotJournalOfAContainerIsRolledBackOnceItIsGone(t *testing.T) {
	s := newSession(t)
	s.write(t, "m1", "work")
	s.mark(t, "RUNNING")
	foreign.Run(t, "reply", s.folder, "--id", "r1", "--in-reply-to", "m1", "--content", "done")
	foreign.Run(t, "claim", s.folder, "m1")
	foreign.KillMidWrite(t, s.folder)
	journal := filepath.Join(s.folder, "outbound.db-journal")
	if _, err := os.Stat(journal); err != nil {
		t.Fatalf("the container left no journal: %v", err)
	}

	// While a container may run, its journal may be in use: it is reported, and left alone.
	if err := s.engine.Query(t.Context(), repliesDocument, map[string]any{"id": s.id}, nil); err == nil || !strings.Contains(err.Error(), "UNAVAILABLE") {
		t.Errorf("replies behind a hot journal: %v", err)
	}
	if _, err := os.Stat(journal); err != nil {
		t.Errorf("the journal of a container that may run is touched: %v", err)
	}

	s.mark(t, "STOPPED")
	if _, err := os.Stat(journal); !os.IsNotExist(err) {
		t.Errorf("the journal is still there: %v", err)
	}
	if r := s.replies(t); len(r) != 1 || r[0].ReplyID != "r1" {
		t.Errorf("the replies are %+v", r)
	}
	if claims := foreign.Rows(t, s.folder, "outbound", "processing_ack"); len(claims) != 0 {
		t.Errorf("the dead container's claim is not cleared: %v", claims)
	}
	if m := foreign.Rows(t, s.folder, "inbound", "messages_in")[0]; m["status"] != "pending" || m["tries"] != 1.0 || m["process_after"] == nil {
		t.Errorf("the message that it died over is %v; it should be due again in a while", m)
	}
	s.checkSound(t, 1, 1)
}

func TestReaderThatHoldsItsLockDelaysOnlyTheWrite(t *testing.T) {
	s := newSession(t)
	s.write(t, "m1", "first")
	release := foreign.Hold(t, "hold", s.folder, "inbound")
	var g errgroup.Group
	g.Go(func() error {
		errors, err := s.tryWrite(t.Context(), "m2", "second")
		if err == nil && len(errors) > 0 {
			err = fmt.Errorf("%+v", errors)
		}
		return err
	})
	// Reading goes on beside a writer that waits.
	if m := s.messages(t); len(m) == 0 {
		t.Error("no messages are read while a reader holds its lock")
	}
	release()
	if err := g.Wait(); err != nil {
		t.Errorf("the write failed after the reader let go: %v", err)
	}
	s.checkSound(t, 2, 0)
}

func TestOnlyTheTwoDatabasesStayBehind(t *testing.T) {
	s := newSession(t)
	s.write(t, "m1", "first")
	s.replies(t)
	var files []string
	err := fs.WalkDir(os.DirFS(s.folder), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(files, " "), ".nanoclaw-destinations.json inbound.db outbound.db"; got != want {
		t.Errorf("the folder has %s, want %s", got, want)
	}
}
