package tests_test

import (
	"testing"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

func TestARowOfAGigabyteFailsAlone(t *testing.T) {
	s := newSession(t)
	foreign.Run(t, "exec", s.folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES
		('huge', 1, '2026-01-01 00:00:00', 'chat', zeroblob(999000000)), ('after', 3, '2026-01-01 00:00:00', 'chat', '{"text":"fine"}')`)
	replies := s.replies(t)
	if len(replies) != 2 || replies[0].ReplyID != "huge" || replies[0].ContentText != "" || replies[1].ContentText != `{"text":"fine"}` {
		t.Errorf("the replies are %+v", replies)
	}
	s.write(t, "m1", "still here")
	if m := s.messages(t); len(m) != 1 || m[0].MessageID != "m1" {
		t.Errorf("the messages are %+v", m)
	}
}
