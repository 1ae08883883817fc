package engine_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// TestAContainerIsStuckAsTheProtocolSays: times are ages; 0 is none.
func TestAContainerIsStuckAsTheProtocolSays(t *testing.T) {
	t.Parallel()
	const never = 0
	for name, c := range map[string]struct {
		beat, claim time.Duration
		sql         string // what else the container wrote
		stuck       bool
	}{
		"idle for a day":                            {beat: 24 * time.Hour},
		"just started":                              {claim: 30 * time.Second},
		"claimed and never heard of":                {claim: 2 * time.Minute, stuck: true},
		"works for long, and lives":                 {beat: 10 * time.Second, claim: 3 * time.Hour},
		"silent for half an hour":                   {beat: 31 * time.Minute, claim: time.Hour, stuck: true},
		"silent for less":                           {beat: 29 * time.Minute, claim: time.Hour},
		"no heartbeat since the claim":              {beat: 5 * time.Minute, claim: 2 * time.Minute, stuck: true},
		"a claim a second before the heartbeat":     {beat: 119 * time.Second, claim: 2 * time.Minute},
		"a tool that may take two hours":            {beat: 90 * time.Minute, claim: 2 * time.Hour, sql: tool("7200000")},
		"a tool that took longer":                   {beat: 121 * time.Minute, claim: 3 * time.Hour, sql: tool("7200000"), stuck: true},
		"a tool that wants for ever":                {beat: 7 * time.Hour, claim: 8 * time.Hour, sql: tool("9223372036854775807"), stuck: true},
		"a tool with a negative time":               {beat: 31 * time.Minute, claim: time.Hour, sql: tool("-5"), stuck: true},
		"a tool whose time is text":                 {beat: 31 * time.Minute, claim: time.Hour, sql: tool("'long'"), stuck: true},
		"no tool any more":                          {beat: 31 * time.Minute, claim: time.Hour, sql: `INSERT INTO container_state VALUES (1, NULL, 7200000, NULL, 'x')`, stuck: true},
		"a claim at no time":                        {beat: time.Minute, sql: `INSERT INTO processing_ack VALUES ('m', 'processing', 'soon')`},
		"a claim in the future":                     {beat: time.Minute, sql: `INSERT INTO processing_ack VALUES ('m', 'processing', '2999-01-01 00:00:00')`},
		"a claim in the future and no sign of life": {beat: time.Hour, sql: `INSERT INTO processing_ack VALUES ('m', 'processing', '2999-01-01 00:00:00')`, stuck: true},
		"a heartbeat in the future":                 {beat: -time.Hour, claim: time.Hour},
		"a view in place of the claims":             {beat: time.Hour, sql: `DROP TABLE processing_ack; CREATE VIEW processing_ack AS SELECT 1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			h := hosttest.Open(t, sessions.Options{Now: clock.now})
			s := h.Session(t)
			mark(t, h, s, engine.ContainerRunning)
			now := clock.now()
			if c.claim != never {
				h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO processing_ack VALUES ('m', 'processing', '%s')`, now.Add(-c.claim).Format(time.DateTime)))
			}
			if c.sql != "" {
				h.Exec(t, s, "outbound.db", c.sql)
			}
			if c.beat != never {
				beat(t, h, s, now.Add(-c.beat))
			}
			p, err := h.Stuck(t.Context(), s.ID)
			hosttest.Must(t, err)
			if p != c.stuck {
				t.Errorf("stuck: %v, want %v", p, c.stuck)
			}
		})
	}
}

func tool(timeout string) string {
	return `INSERT INTO container_state VALUES (1, 'Bash', ` + timeout + `, '2026-01-01 00:00:00', '2026-01-01 00:00:00')`
}

func beat(t *testing.T, h *hosttest.Host, s engine.Session, at time.Time) {
	t.Helper()
	hosttest.Must(t, os.WriteFile(h.Folder(s, ".heartbeat"), nil, 0o660))
	hosttest.Must(t, os.Chtimes(h.Folder(s, ".heartbeat"), at, at))
}

func TestAStuckContainerIsToldOnceAndAgainAfterItLived(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	mark(t, h, s, engine.ContainerRunning)
	for round := 1; round <= 2; round++ {
		beat(t, h, s, c.now())
		h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT OR REPLACE INTO processing_ack VALUES ('m', 'processing', '%s')`, c.now().Format(time.DateTime)))
		for range 40 {
			c.move(50 * time.Second)
			hosttest.Wait(t, "a look", func() bool { return h.Looked(s.ID) })
		}
		waitTold(t, h, s, engine.EventContainerStuck, round)
		beat(t, h, s, c.now().Add(time.Second))
		c.move(time.Minute)
		hosttest.Wait(t, "a look that finds it alive", func() bool { return !h.SaidStuck(s.ID) })
	}
}

// A clock that jumps means that the machine slept, and its containers too.
func TestNobodyIsStuckJustBecauseTheMachineSlept(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	mark(t, h, s, engine.ContainerRunning)
	beat(t, h, s, c.now())
	h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO processing_ack VALUES ('m', 'processing', '%s')`, c.now().Format(time.DateTime)))
	c.move(24 * time.Hour)
	hosttest.Wait(t, "a look", func() bool { return h.Looked(s.ID) })
	waitTold(t, h, s, engine.EventContainerStuck, 0)
	for range 3 { // still no sign of life
		c.move(45 * time.Second)
		hosttest.Wait(t, "a look", func() bool { return h.Looked(s.ID) })
	}
	waitTold(t, h, s, engine.EventContainerStuck, 1)
}

func TestAHeartbeatInTheFutureCountsFromWhenItWasSeen(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	mark(t, h, s, engine.ContainerRunning)
	beat(t, h, s, c.now().Add(1000*time.Hour))
	h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO processing_ack VALUES ('m', 'processing', '%s')`, c.now().Format(time.DateTime)))
	for range 40 {
		c.move(50 * time.Second)
		hosttest.Wait(t, "a look", func() bool { return h.Looked(s.ID) })
	}
	waitTold(t, h, s, engine.EventContainerStuck, 1)
}
