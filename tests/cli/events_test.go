package cli_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"syscall"
	"testing"
)

type event struct{ Cursor, Type, SessionID, MessageID string }

// follow runs "engine events", and returns what gives its next event.
func follow(t *testing.T, s *server, args ...string) (next func() event, end func() int) {
	t.Helper()
	c := s.command(t, append([]string{"events", "-o", "ndjson"}, args...)...)
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
	next = func() (e event) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("engine events ended: %v, %v\n%s", lines.Err(), c.Wait(), stderr)
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%q: %v", lines.Bytes(), err)
		}
		return e
	}
	end = func() int {
		t.Helper()
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = c.Wait()
		return c.ProcessState.ExitCode()
	}
	return next, end
}

func TestWhoFollowsEventsIsToldOfAKillAndMissesNothingThatWasShown(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serve(t, data)
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	x := s.session(t)
	next, end := follow(t, s, "--after", "0", "--type", "SESSION_CREATED,MESSAGE_WRITTEN")
	seen := []event{next()}
	must[object](t, s, "message", "write", x.ID, "--text", "hello", "--id", "m1")
	seen = append(seen, next())
	if seen[0].Type != "SESSION_CREATED" || seen[1].Type != "MESSAGE_WRITTEN" || seen[1].MessageID != "m1" {
		t.Errorf("saw %v", seen)
	}
	if code := s.end(t, syscall.SIGKILL); code != -1 {
		t.Fatalf("killed, it exited with %d", code)
	}

	s = serve(t, data)
	seen = append(seen, next())
	must[object](t, s, "message", "write", x.ID, "--text", "hello again", "--id", "m2")
	seen = append(seen, next())
	if seen[2].Type != "RESYNC_REQUIRED" || seen[3].MessageID != "m2" {
		t.Errorf("after the kill it saw %v", seen[2:])
	}
	if code := end(); code != 0 {
		t.Errorf("interrupted, it exited with %d", code)
	}
	all := must[[]event](t, s, "events", "--follow=false", "--after", "0", "--type", "SESSION_CREATED", "--type", "MESSAGE_WRITTEN")
	if len(all) != len(seen) {
		t.Fatalf("there are %v, seen were %v", all, seen)
	}
	for i := range all {
		if all[i] != seen[i] {
			t.Errorf("event %d is %v, seen was %v", i, all[i], seen[i])
		}
	}
	mine := must[[]event](t, s, "events", "--follow=false", "--after", seen[0].Cursor, "--session", x.ID, "--type", "MESSAGE_WRITTEN")
	if len(mine) != 3 { // what is missing passes every filter
		t.Errorf("filtered: %v", mine)
	}
}

func TestARestartInOrderGoesOnWithoutAGap(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serve(t, data)
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	next, end := follow(t, s, "--after", "0", "--type", "SESSION_CREATED,MESSAGE_WRITTEN")
	x := s.session(t)
	first := next()
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Fatalf("it exited with %d\n%s", code, s.stderr)
	}
	s = serve(t, data)
	must[object](t, s, "message", "write", x.ID, "--text", "hello", "--id", "m1")
	if second := next(); first.Type != "SESSION_CREATED" || second.MessageID != "m1" {
		t.Errorf("saw %v, then %v", first, second)
	}
	end()
}
