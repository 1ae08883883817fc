package agent_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/agent"
)

func TestAnswersDueMessagesInOrderOfSeq(t *testing.T) {
	f := newFolder(t)
	f.message("late", "seq", 8)
	f.message("early", "seq", 4)
	f.message("middle", "seq", 6, "timestamp", "1999-01-01 00:00:00")
	for _, status := range []string{"paused", "completed", "failed", "cancelled", "something"} {
		f.message(status, "status", status, "seq", nil)
	}
	f.once("tr", "a-z", "A-Z")
	equal(t, "replies", f.replies(), `9|early|{"text":"EARLY"}
11|middle|{"text":"MIDDLE"}
13|late|{"text":"LATE"}`)
	equal(t, "acks", f.acks(), "early|completed\nlate|completed\nmiddle|completed")
}

func TestClaimIsSeenWhileTheCommandRuns(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	r := f.start(agent.Config{Command: []string{"sh", "-c", `while [ ! -e "$TWINBOX_WORKSPACE/go" ]; do sleep 0.01; done; echo done`}})
	f.eventuallyAck("m", "processing")
	equal(t, "replies", f.replies(), "")
	f.write("", "go")
	f.eventuallyAck("m", "completed")
	if err := r.wait(); err != nil {
		t.Fatal(err)
	}
	equal(t, "replies", f.replies(), `3|m|{"text":"done"}`)
}

func TestAcknowledgedMessagesAreNotDoneAgain(t *testing.T) {
	f := newFolder(t)
	f.once("cat")
	for _, status := range []string{"completed", "failed", "foreign"} {
		f.message(status)
		f.exec("outbound.db", `INSERT INTO processing_ack VALUES (?, ?, '2026-01-01 00:00:00')`, status, status)
	}
	f.once("cat")
	equal(t, "replies", f.replies(), "")
}

func TestFailureOfTheCommandFailsTheMessageWithoutAReply(t *testing.T) {
	f := newFolder(t)
	f.message("bad")
	f.message("good")
	f.once("sh", "-c", `touch "$TWINBOX_OUTBOX/file"; cat; [ "$TWINBOX_MESSAGE_ID" != bad ]`)
	equal(t, "acks", f.acks(), "bad|failed\ngood|completed")
	equal(t, "replies", f.replies(), `5|good|{"text":"good","files":["file"]}`)
	entries, err := os.ReadDir(f.path("outbox"))
	if err != nil || len(entries) != 1 {
		t.Errorf("outbox: %v %v", entries, err)
	}
}

func TestTimeOutKillsTheWholeProcessGroup(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	if err := mkfifo(f.path("alive")); err != nil {
		t.Fatal(err)
	}
	// The grandchild ignores SIGTERM and keeps the FIFO open while it lives.
	script := `(trap "" TERM; exec 3>"$TWINBOX_WORKSPACE/alive"; exec sleep 1000) & wait`
	r := f.start(agent.Config{Command: []string{"sh", "-c", script}, Timeout: 50 * time.Millisecond})
	ended := make(chan error, 1)
	go func() {
		// Ends when the last writer has gone.
		_, err := os.ReadFile(f.path("alive"))
		ended <- err
	}()
	f.eventuallyAck("m", "failed")
	eventually(t, "the grandchild is gone", func() bool {
		select {
		case err := <-ended:
			return err == nil
		default:
			return false
		}
	})
	equal(t, "replies", f.replies(), "")
	if err := r.wait(); err != nil {
		t.Fatal(err)
	}
}

func TestStopLetsTheCommandFinish(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	f.message("next")
	r := f.start(agent.Config{Command: []string{"sh", "-c", `while [ ! -e "$TWINBOX_WORKSPACE/go" ]; do sleep 0.01; done; echo done`}})
	f.eventuallyAck("m", "processing")
	r.stop()
	f.write("", "go")
	if err := r.wait(); err != nil {
		t.Fatal(err)
	}
	equal(t, "acks", f.acks(), "m|completed")
}

func TestSecondStopLeavesTheClaimForTheNextStart(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	r := f.start(agent.Config{Command: []string{"sleep", "1000"}})
	f.eventuallyAck("m", "processing")
	r.stop()
	close(r.kill)
	if err := r.wait(); !errors.Is(err, agent.ErrCutShort) {
		t.Fatalf("error %v", err)
	}
	equal(t, "acks", f.acks(), "m|processing")
	f.once("cat")
	equal(t, "replies", f.replies(), `3|m|{"text":"m"}`)
}

func TestOutcomeThatCannotBeWrittenIsTriedAgainAndNeverHalf(t *testing.T) {
	f := newFolder(t)
	f.once("true")
	f.exec("outbound.db", `CREATE TRIGGER no BEFORE INSERT ON messages_out BEGIN SELECT RAISE(ABORT, 'no'); END`)
	f.message("m")
	r := f.start(agent.Config{Command: []string{"cat"}})
	eventually(t, "a try failed", func() bool { return strings.Contains(r.logs.String(), "cannot be written yet") })
	equal(t, "acks", f.acks(), "m|processing")
	f.exec("outbound.db", `DROP TRIGGER no`)
	f.eventuallyAck("m", "completed")
	equal(t, "replies", f.replies(), `3|m|{"text":"m"}`)
}

func TestHeartbeatIsTouchedWhileTheCommandRuns(t *testing.T) {
	f := newFolder(t)
	f.start(agent.Config{Command: []string{"sh", "-c", `while [ ! -e "$TWINBOX_WORKSPACE/go" ]; do sleep 0.01; done`}})
	f.message("m")
	f.eventuallyAck("m", "processing")
	old := time.Now().Add(-time.Hour)
	eventually(t, "a first touch", func() bool { return f.exists(".heartbeat") })
	if err := os.Chtimes(f.path(".heartbeat"), old, old); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a later touch", func() bool {
		st, err := os.Stat(f.path(".heartbeat"))
		return err == nil && time.Since(st.ModTime()) < time.Minute
	})
	f.write("", "go")
	f.eventuallyAck("m", "completed")
}

func TestUnusableConfigurations(t *testing.T) {
	f := newFolder(t)
	for _, test := range []struct {
		name string
		cfg  agent.Config
		want error
	}{
		{"no command", agent.Config{}, agent.ErrNoCommand},
		{"unknown command", agent.Config{Command: []string{"/no/such/program"}}, agent.ErrNoCommand},
		{"no workspace", agent.Config{Command: []string{"cat"}, Workspace: f.path("none")}, agent.ErrNoWorkspace},
		{"file as workspace", agent.Config{Command: []string{"cat"}, Workspace: f.path("inbound.db")}, agent.ErrNoWorkspace},
		{"no mailbox", agent.Config{Command: []string{"cat"}, Workspace: t.TempDir()}, agent.ErrUnusable},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Once = true
			if _, err := f.try(test.cfg); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}
