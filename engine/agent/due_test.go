package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/agent"
)

func TestWakeRowsAreForTheFirstPollAlone(t *testing.T) {
	f := newFolder(t)
	f.message("wake", "on_wake", 1)
	f.start(agent.Config{Command: []string{"cat"}})
	f.eventuallyAck("wake", "completed")
	f.message("successor", "on_wake", 1)
	f.message("plain")
	f.eventuallyAck("plain", "completed")
	equal(t, "ack of the wake row that came later", f.ack("successor"), "")
	f.once("cat")
	equal(t, "ack at the next start", f.ack("successor"), "completed")
}

func TestContextStartsNoTurn(t *testing.T) {
	f := newFolder(t)
	f.message("context", "trigger", 0)
	f.message("waking context", "trigger", 0, "on_wake", 1)
	f.once("cat")
	equal(t, "acks", f.acks(), "")
}

func TestContextComesAlongWithTheNextMessage(t *testing.T) {
	f := newFolder(t)
	f.message("one", "trigger", 0)
	f.message("two", "trigger", 0)
	f.message("not yet", "trigger", 0, "process_after", "2999-01-01 00:00:00")
	f.message("gone", "trigger", 0, "status", "cancelled")
	f.message("question")
	f.message("after", "trigger", 0)
	f.once("cat")
	equal(t, "replies", f.replies(), `13|question|{"text":"Earlier messages:\n\none\n\ntwo\n\nMessage:\n\nquestion"}`)
	equal(t, "acks", f.acks(), "one|completed\nquestion|completed\ntwo|completed")
	f.message("more")
	f.once("cat")
	equal(t, "second reply", f.rows("outbound.db", `SELECT content FROM messages_out WHERE in_reply_to = 'more'`),
		`{"text":"Earlier messages:\n\nafter\n\nMessage:\n\nmore"}`)
}

func TestContextOfAFailedTurnIsNotGivenAgain(t *testing.T) {
	f := newFolder(t)
	f.message("context", "trigger", 0)
	f.message("m")
	f.once("false")
	equal(t, "acks", f.acks(), "context|completed\nm|failed")
}

func TestContextThatIsTooMuchForOneTurnComesWithTheNext(t *testing.T) {
	f := newFolder(t)
	f.exec("inbound.db", `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1002)
		INSERT INTO messages_in (id, seq, kind, timestamp, "trigger", content)
		SELECT printf('c%04d', i), 2 * i, 'chat', '2026-01-01 00:00:00', 0, CASE i WHEN 1 THEN printf('%.*c', 17 << 20, 'x') ELSE 'word' END FROM n`)
	f.next = 3000
	f.message("first")
	f.message("second")
	f.once("grep", "-c", "word")
	equal(t, "replies", f.replies(), `3005|first|{"text":"1000"}
3007|second|{"text":"1"}`)
	equal(t, "context that is too large to come along at all", f.ack("c0001"), "")
}

// Lessons 26 and 27: times were compared as text, and read as local time.
func TestTimesAreInstantsWhereverTheHostIs(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/St_Johns"} {
		t.Run(zone, func(t *testing.T) {
			f := newFolder(t)
			now := time.Now().UTC()
			past, future := now.Add(-time.Minute), now.Add(time.Hour)
			f.message("past-iso", "process_after", past.Format("2006-01-02T15:04:05.000Z"))
			f.message("past-sqlite", "process_after", past.Format("2006-01-02 15:04:05"))
			f.message("past-offset", "process_after", past.In(time.FixedZone("", 19800)).Format(time.RFC3339))
			f.message("future-iso", "process_after", future.Format("2006-01-02T15:04:05.000Z"))
			f.message("future-sqlite", "process_after", future.Format("2006-01-02 15:04:05"))
			f.message("future-offset", "process_after", future.In(time.FixedZone("", -12600)).Format(time.RFC3339))
			f.message("last")
			process(t, f, agent.Config{Command: []string{"cat"}}, "TZ="+zone)
			f.eventuallyAck("last", "completed")
			equal(t, "acks", f.acks(), "last|completed\npast-iso|completed\npast-offset|completed\npast-sqlite|completed")
		})
	}
}

func TestTimeThatCannotBeParsedIsDueAndReported(t *testing.T) {
	f := newFolder(t)
	f.message("m", "process_after", "tomorrow")
	logs := f.once("cat")
	equal(t, "acks", f.acks(), "m|completed")
	if !strings.Contains(logs, "process_after is not a time") {
		t.Errorf("not reported: %s", logs)
	}
}

func TestMessageIsDoneWhenItFallsDue(t *testing.T) {
	f := newFolder(t)
	// Later than the time for which a changed file is looked at anyway.
	at := time.Now().Add(2500 * time.Millisecond)
	f.message("m", "process_after", at.UTC().Format(time.RFC3339Nano))
	f.start(agent.Config{Command: []string{"date", "+%s%N"}})
	f.eventuallyAck("m", "completed")
	if now := time.Now(); now.Before(at) {
		t.Errorf("done %v too early", at.Sub(now))
	}
}

func TestOddRowsHoldNobodyUp(t *testing.T) {
	f := newFolder(t)
	big := strings.Repeat("x", 10<<20)
	f.message("blob content", "content", []byte("bytes \xff"))
	f.message("text seq", "seq", "abc")
	f.message("null seq", "seq", nil)
	f.message("huge seq", "seq", int64(1<<63-1))
	f.message("negative seq", "seq", -4)
	f.message("blob kind", "kind", []byte{0, 1, 2})
	f.message("unknown kind", "kind", "carrier-pigeon")
	f.message("long route", "platform_id", strings.Repeat("p", 1<<20), "thread_id", "nul\x00nul")
	f.message("big", "content", big)
	f.message("empty", "content", "")
	f.message("id", "id", []byte("not text"))
	f.message("i\x00d\nwith controls", "seq", 600)
	logs := f.once("wc", "-c")
	if got := f.rows("outbound.db", `SELECT count(*), min(seq % 2), count(DISTINCT seq), max(seq) FROM messages_out`); got != "11|1|11|621" {
		t.Errorf("replies: %s\n%s", got, logs)
	}
	equal(t, "acks", f.rows("outbound.db", `SELECT status, count(*) FROM processing_ack GROUP BY status`), "completed|11")
	equal(t, "big", f.rows("outbound.db", `SELECT content FROM messages_out WHERE in_reply_to = 'big'`), `{"text":"10485761"}`)
}

func TestContentTooLargeToReadFailsItsMessageAlone(t *testing.T) {
	f := newFolder(t)
	f.exec("inbound.db", `INSERT INTO messages_in (id, seq, kind, timestamp, content) VALUES ('giant', 2, 'chat', '2026-01-01 00:00:00', printf('%.*c', 65 << 20, 'x'))`)
	f.next = 2
	f.message("m")
	f.once("cat")
	equal(t, "acks", f.acks(), "giant|failed\nm|completed")
}

func TestFolderOfAnOlderHost(t *testing.T) {
	f := newFolderOf(t, "testdata/older.sql")
	f.once("tr", "a-z", "A-Z")
	equal(t, "replies", f.replies(), `3|old-1|{"text":"HELLO"}`)
}
