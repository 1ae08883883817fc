package cli_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"testing"
)

func TestMessagesArePausedResumedCancelledAndRetried(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	x := s.session(t)
	must[object](t, s, "message", "write", x.ID, "--text", "hello", "--id", "m1")

	c := s.command(t, "message", "tail", x.ID, "-o", "ndjson")
	stderr := &buffer{}
	c.Stderr = stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	type message struct{ MessageID, Status, SeriesID string }
	tailed := func() (m message) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("engine message tail ended: %v\n%s", lines.Err(), stderr)
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := tailed(); m.MessageID != "m1" || m.Status != "PENDING" {
		t.Errorf("the tail begins with %v", m)
	}
	for _, step := range []struct{ verb, status string }{{"pause", "PAUSED"}, {"resume", "PENDING"}, {"cancel", "CANCELLED"}} {
		m := must[message](t, s, "message", step.verb, x.ID, "m1")
		if m.MessageID != "m1" || m.Status != step.status {
			t.Errorf("%s: %v", step.verb, m)
		}
		if m := tailed(); m.Status != step.status {
			t.Errorf("after %s, the tail has %v", step.verb, m)
		}
	}
	m := must[message](t, s, "message", "retry", x.ID, "m1")
	if m.MessageID == "m1" || m.SeriesID != "m1" || m.Status != "PENDING" {
		t.Errorf("retry: %v", m)
	}
	if last := tailed(); last != m {
		t.Errorf("the tail ends with %v", last)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := c.Wait(); err != nil {
		t.Errorf("interrupted, the tail ended with %v", err)
	}
	if r := s.engine(t, "message", "resume", x.ID, "m1"); r.code == 0 {
		t.Error("a cancelled message was resumed")
	}
}
