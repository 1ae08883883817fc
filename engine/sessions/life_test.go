package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t *testing.T, s string) {
	t.Helper()
	c.setAfter(t, s, func() {})
}

// setAfter sets the clock once something has happened, of which nobody can tell
// the time before.
func (c *clock) setAfter(t *testing.T, s string, happens func()) {
	t.Helper()
	at, err := engine.ParseTime(s)
	must(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	happens()
	c.t = at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// newLife is an engine whose clock stands at a time.
func newLife(t *testing.T, at string) (*hosttest.Host, engine.Session, *clock) {
	t.Helper()
	c := &clock{}
	c.set(t, at)
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	return h, h.Session(t), c
}

// settle has the engine look at what became of a session's messages, as when
// its container is gone.
func settle(t *testing.T, h *hosttest.Host, s engine.Session) {
	t.Helper()
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped)
	must(t, err)
}

func ack(t *testing.T, h *hosttest.Host, s engine.Session, id, status string, at time.Time) {
	t.Helper()
	h.Exec(t, s, "outbound.db", `INSERT OR REPLACE INTO processing_ack VALUES ('`+id+`', '`+status+`', '`+engine.FormatTime(at)+`')`)
}

func series(t *testing.T, h *hosttest.Host, s engine.Session, cron, zone string, missed engine.MissedRuns) {
	t.Helper()
	in := engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr("first"), Kind: "task", Content: map[string]any{"prompt": "report"}, Trigger: true,
		Recurrence: &cron, MissedRuns: missed}
	if zone != "" {
		in.TimeZone = &zone
	}
	_, _, err := h.WriteMessage(t.Context(), in)
	must(t, err)
}

// live is the one row of the session that recurs.
func live(t *testing.T, h *hosttest.Host, s engine.Session) engine.Message {
	t.Helper()
	rows := h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in WHERE recurrence IS NOT NULL`)
	if len(rows) != 1 {
		t.Fatalf("%d rows recur: %q", len(rows), h.Rows(t, s, "inbound.db", `SELECT id, status, process_after, recurrence FROM messages_in ORDER BY seq`))
	}
	m, err := h.Message(t.Context(), s.ID, rows[0])
	must(t, err)
	return m
}

// Lesson 28: an end, and be it a failure, does not end the series, and the
// next occurrence is there in the moment in which the last has ended.
func TestAHundredOccurrencesFollowEachOther(t *testing.T) {
	for _, zone := range []string{"", "America/New_York", "Asia/Kolkata"} {
		t.Run("zone "+zone, func(t *testing.T) {
			h, s, c := newLife(t, "2026-02-20T12:00:00Z")
			series(t, h, s, "30 2 * * *", zone, engine.MissedOnce)
			loc, err := time.LoadLocation(zone)
			must(t, err)
			for i := range 100 {
				m := live(t, h, s)
				at := m.ProcessAfter.In(loc)
				if at.Minute() != 30 || at.Hour() != 2 && (at.Hour() != 3 || at.Month() != time.March || at.Day() != 8) {
					t.Fatalf("occurrence %d is due at %s", i, at)
				}
				if m.Status != engine.MessagePending || *m.SeriesID != "first" || m.Tries != 0 || zone != "" && *m.TimeZone != zone || m.Content != `{"prompt":"report"}` {
					t.Fatalf("occurrence %d: %+v", i, m)
				}
				// Retries move this, and not the series.
				h.Exec(t, s, "inbound.db", `UPDATE messages_in SET process_after = '2026-12-31T00:00:00.000Z', tries = 3 WHERE id = '`+m.ID+`'`)
				c.set(t, engine.FormatTime(m.ProcessAfter.Add(20*time.Minute)))
				ack(t, h, s, m.ID, []string{"completed", "failed"}[i%2], c.now())
				settle(t, h, s)
			}
			if rows := h.Rows(t, s, "inbound.db", `SELECT count(*), count(DISTINCT seq % 2), min(seq), count(recurrence), count(DISTINCT process_after) FROM messages_in`); !slices.Equal(rows, []string{"101|1|2|1|2"}) {
				t.Errorf("rows: %q", rows)
			}
			days := h.Rows(t, s, "inbound.db", `SELECT count(DISTINCT date(timestamp)) FROM messages_in`)
			if !slices.Equal(days, []string{"101"}) {
				t.Errorf("%s days have a run", days)
			}
			if rows := h.Rows(t, s, "inbound.db", `SELECT count(*) FROM engine_series`); !slices.Equal(rows, []string{"1"}) {
				t.Errorf("%s rows are kept of one series", rows)
			}
		})
	}
}

func TestAnAcknowledgementThatAppearsContinuesItsSeries(t *testing.T) {
	h, s, c := newLife(t, "2026-02-20T12:00:00Z")
	series(t, h, s, "0 9 * * *", "", engine.MissedOnce)
	c.set(t, "2026-02-21T09:00:01Z")
	ack(t, h, s, "first", "failed", c.now())
	hosttest.Wait(t, "the next occurrence", func() bool {
		return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT status, recurrence, process_after FROM messages_in ORDER BY seq`),
			[]string{"failed|NULL|2026-02-21T09:00:00.000Z", "pending|0 9 * * *|2026-02-22T09:00:00.000Z"})
	})
}

// Lesson 29.
func TestRunsThatWereMissedFollowTheSeriesPolicy(t *testing.T) {
	const first, ended, now = "2026-02-21T09:00:00.000Z", "2026-02-21T09:10:00Z", "2026-02-24T15:00:00Z"
	for policy, want := range map[engine.MissedRuns][]string{
		engine.MissedAll:  {first, "2026-02-22T09:00:00.000Z", "2026-02-23T09:00:00.000Z", "2026-02-24T09:00:00.000Z", "2026-02-25T09:00:00.000Z"},
		engine.MissedOnce: {first, "2026-02-22T09:00:00.000Z", "2026-02-25T09:00:00.000Z"},
		engine.MissedSkip: {first, "2026-02-25T09:00:00.000Z"},
	} {
		t.Run(string(policy), func(t *testing.T) {
			h, s, c := newLife(t, "2026-02-21T08:00:00Z")
			series(t, h, s, "0 9 * * *", "", policy)
			at, err := engine.ParseTime(ended)
			must(t, err)
			// A machine that was asleep for days: nobody saw it before.
			c.setAfter(t, now, func() { ack(t, h, s, "first", "completed", at) })
			settle(t, h, s)
			for m := live(t, h, s); !m.ProcessAfter.After(c.now()); m = live(t, h, s) {
				ack(t, h, s, m.ID, "completed", c.now())
				settle(t, h, s)
			}
			if rows := h.Rows(t, s, "inbound.db", `SELECT process_after FROM messages_in ORDER BY seq`); !slices.Equal(rows, want) {
				t.Errorf("runs: %q, want %q", rows, want)
			}
		})
	}
}

func TestAMissedRunIsSkippedVisiblyWhereNoneIsMadeUpFor(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	series(t, h, s, "0 9 * * *", "", engine.MissedSkip)
	c.set(t, "2026-02-21T20:00:00Z")
	settle(t, h, s)
	if m := live(t, h, s); m.ID != "first" {
		t.Fatal("a run that is only late was skipped")
	}
	c.set(t, "2026-02-23T20:00:00Z")
	settle(t, h, s)
	m, err := h.Message(t.Context(), s.ID, "first")
	must(t, err)
	if m.Status != engine.MessageCancelled || m.Problem == nil || !strings.Contains(*m.Problem, "missed") {
		t.Errorf("the missed run: %+v", m)
	}
	if next := live(t, h, s); engine.FormatTime(*next.ProcessAfter) != "2026-02-24T09:00:00.000Z" {
		t.Errorf("the next run is at %s", next.ProcessAfter)
	}
}

func TestAClockThatIsSetBackRepeatsNoRun(t *testing.T) {
	for _, policy := range []engine.MissedRuns{engine.MissedAll, engine.MissedOnce, engine.MissedSkip} {
		h, s, c := newLife(t, "2026-02-21T09:30:00Z")
		series(t, h, s, "0 * * * *", "", policy)
		c.set(t, "2026-02-21T10:00:05Z")
		ack(t, h, s, "first", "completed", c.now())
		c.set(t, "2026-02-21T09:00:05Z")
		settle(t, h, s)
		if m := live(t, h, s); engine.FormatTime(*m.ProcessAfter) != "2026-02-21T11:00:00.000Z" {
			t.Errorf("%s: the run after 10:00 is at %s", policy, m.ProcessAfter)
		}
	}
}

func TestASeriesWhoseExpressionWasSpoiltEndsVisibly(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	series(t, h, s, "0 9 * * *", "", engine.MissedOnce)
	h.Exec(t, s, "inbound.db", `UPDATE messages_in SET recurrence = 'now and then'`)
	ack(t, h, s, "first", "completed", c.now())
	settle(t, h, s)
	m, err := h.Message(t.Context(), s.ID, "first")
	must(t, err)
	if m.Status != engine.MessageCompleted || m.Recurrence != nil || m.Problem == nil || !strings.Contains(*m.Problem, "cron") {
		t.Errorf("%+v, %v", m, m.Problem)
	}
}

// A store alone, with hooks that a test plays.
func storeWith(t *testing.T, c *clock, prepare func(context.Context, engine.Session, *engine.Occurrence) error) (*hosttest.Host, *sessions.Store, engine.Session) {
	t.Helper()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	series(t, h, s, "0 9 * * *", "", engine.MissedOnce)
	must(t, h.Close())
	store, err := sessions.Open(h.Data, sessions.Options{Limits: engine.DefaultLimits(), Now: c.now, Passive: true})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	store.OnOccurrence(prepare)
	return h, store, s
}

func TestAnOccurrenceThatAHookRefusesIsSeenAndDoesNotEndItsSeries(t *testing.T) {
	c := &clock{}
	c.set(t, "2026-02-21T08:00:00Z")
	n := 0
	h, store, s := storeWith(t, c, func(_ context.Context, _ engine.Session, o *engine.Occurrence) error {
		n++
		o.ID = fmt.Sprintf("next-%d", n)
		switch n {
		case 1:
			return errors.New("hooks are closed")
		case 2:
			o.Refused = "not on sundays"
		case 3:
			o.Dropped = true
		}
		return nil
	})
	c.set(t, "2026-02-21T09:01:00Z")
	ack(t, h, s, "first", "completed", c.now())
	gone := func() { must(t, store.ContainerGone(t.Context(), s)) }
	gone()
	if rows := h.Rows(t, s, "inbound.db", `SELECT id, status FROM messages_in`); !slices.Equal(rows, []string{"first|pending"}) {
		t.Fatalf("without hooks, rows: %q", rows)
	}
	gone()
	gone()
	m, err := store.Message(t.Context(), s, "next-2")
	must(t, err)
	if n != 2 || m.Status != engine.MessageFailed || m.Content != "" || m.Problem == nil || !strings.Contains(*m.Problem, "not on sundays") {
		t.Fatalf("after %d: %+v %v", n, m, m.Problem)
	}
	c.set(t, "2026-02-22T09:00:00Z")
	gone()
	c.set(t, "2026-02-23T09:00:00Z")
	gone()
	want := []string{"first|completed|2026-02-21T09:00:00.000Z", "next-2|failed|2026-02-22T09:00:00.000Z", "next-3|completed|2026-02-23T09:00:00.000Z", "next-4|pending|2026-02-24T09:00:00.000Z"}
	if rows := h.Rows(t, s, "inbound.db", `SELECT id, status, process_after FROM messages_in ORDER BY seq`); !slices.Equal(rows, want) {
		t.Errorf("rows: %q", rows)
	}
}

// Lesson 34.
func TestAMessageThatKillsItsContainerIsTriedFiveTimes(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	series(t, h, s, "0 9 * * *", "", engine.MissedOnce)
	h.MustWrite(t, s, "m", "hello")
	for i, wait := range []time.Duration{10, 20, 40, 80} {
		ack(t, h, s, "m", "processing", c.now())
		settle(t, h, s)
		settle(t, h, s)
		m, err := h.Message(t.Context(), s.ID, "m")
		must(t, err)
		if m.Status != engine.MessagePending || m.Tries != i+1 || !m.ProcessAfter.Equal(c.now().Add(wait*time.Second)) {
			t.Fatalf("after death %d: %s, %d tries, due %s", i+1, m.Status, m.Tries, m.ProcessAfter)
		}
		// A kill of the engine before the claim was removed.
		ack(t, h, s, "m", "processing", c.now())
		settle(t, h, s)
		if m, err := h.Message(t.Context(), s.ID, "m"); err != nil || m.Tries != i+1 {
			t.Fatalf("one death counts %d times, %v", m.Tries, err)
		}
		c.add(wait * time.Second)
	}
	ack(t, h, s, "m", "processing", c.now())
	settle(t, h, s)
	m, err := h.Message(t.Context(), s.ID, "m")
	must(t, err)
	if m.Status != engine.MessageFailed || m.Problem == nil || !strings.Contains(*m.Problem, "died over it 5 times") {
		t.Errorf("after the last: %+v, %v", m, m.Problem)
	}
	if rows := h.Rows(t, s, "outbound.db", `SELECT * FROM processing_ack`); len(rows) > 0 {
		t.Errorf("claims: %q", rows)
	}
	// A run that fails so does not end its series.
	h.Exec(t, s, "inbound.db", `UPDATE messages_in SET tries = 4 WHERE id = 'first'`)
	c.set(t, "2026-02-21T09:01:00Z")
	ack(t, h, s, "first", "processing", c.now())
	settle(t, h, s)
	if m := live(t, h, s); engine.FormatTime(*m.ProcessAfter) != "2026-02-22T09:00:00.000Z" || m.Tries != 0 {
		t.Errorf("the next run: %+v", m)
	}
}

func TestWhatNobodyReadsIsCompletedAfterItsChance(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	write := func(id, kind string, trigger, onWake bool) {
		t.Helper()
		_, _, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Kind: kind, Content: "x", Trigger: trigger, OnWake: onWake})
		must(t, err)
	}
	write("context", "chat", false, false)
	write("answer", "system", true, false)
	write("wake", "system", true, true)
	write("waits", "chat", true, false)
	write("done", "chat", true, false)
	write("context after", "chat", false, false)
	left := func() []string {
		settle(t, h, s)
		return h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in WHERE status = 'pending' ORDER BY seq`)
	}
	c.add(24 * time.Hour)
	if rows := left(); len(rows) != 6 {
		t.Errorf("before a container came, these were left: %q", rows)
	}
	ack(t, h, s, "done", "completed", c.now())
	if rows := left(); len(rows) != 5 {
		t.Errorf("at once, these were left: %q", rows)
	}
	c.add(engine.DefaultLimits().SpentAge)
	if rows := left(); !slices.Equal(rows, []string{"wake", "waits", "context after"}) {
		t.Errorf("later, these were left: %q", rows)
	}
}

func TestAReplayTellsHowTheMessageStands(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	h.MustWrite(t, s, "m", "hello")
	ack(t, h, s, "m", "processing", c.now())
	m, outcome, err := h.Write(t, s, "m", "hello")
	must(t, err)
	if outcome != engine.OutcomeReplayed || m.Status != engine.MessageProcessing {
		t.Errorf("%s, %s", outcome, m.Status)
	}
}
