package sessions_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

func wantAccepted(t *testing.T, h *hosttest.Host, s engine.Session, id string, want bool) {
	t.Helper()
	if known, err := h.Store.Accepted(t.Context(), s, id); err != nil || known != want {
		t.Fatalf("whether %s was accepted: %v, %v", id, known, err)
	}
}

func TestWhatWasAcceptedIsKnownHoweverMuchThatIs(t *testing.T) {
	data := t.TempDir()
	h := hosttest.OpenAt(t, data, sessions.Options{})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	must(t, err)
	s := h.Session(t)
	const batches, batch = 6, 100 // more than is read at one time
	for b := range batches {
		in := make([]engine.WriteMessageInput, batch)
		for i := range in {
			in[i] = engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr(fmt.Sprintf("m-%d-%d", b, i)), Content: "x"}
		}
		results, err := h.WriteMessages(t.Context(), in)
		must(t, err)
		for _, r := range results {
			must(t, r.Err)
		}
		wantAccepted(t, h, s, fmt.Sprintf("m-%d-%d", b, 0), true)
		wantAccepted(t, h, s, fmt.Sprintf("m-%d-%d", b, batch), false)
	}
	for restart := range 2 {
		for b := range batches {
			for i := range batch {
				wantAccepted(t, h, s, fmt.Sprintf("m-%d-%d", b, i), true)
			}
		}
		wantAccepted(t, h, s, "new", restart > 0)
		if restart == 0 {
			h.MustWrite(t, s, "new", "x")
			wantAccepted(t, h, s, "new", true)
			must(t, h.Close())
			h = hosttest.OpenAt(t, data, sessions.Options{})
		}
	}
}

func TestWhoeverAsksAboutANewIDWaitsForNoCommit(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.MustWrite(t, s, "m", "x")
	// A container's own rows, which none of ours are: they must not hide an end.
	h.Exec(t, s, "inbound.db", `
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
		INSERT INTO engine_accepted (id, hash, outcome) SELECT CAST('b' || i AS BLOB), x'00', 'written' FROM n;
		INSERT INTO engine_accepted (id, hash, outcome) VALUES ('long' || hex(zeroblob(70000)), x'00', 'written')`)
	wantAccepted(t, h, s, "new", false)

	c := h.DB(t, s, "inbound.db")
	must(t, c.Exec(`BEGIN IMMEDIATE`)) // nobody else can begin to write
	wantAccepted(t, h, s, "new", false)
	must(t, c.Exec(`ROLLBACK`))
	wantAccepted(t, h, s, "m", true)
}

func TestAnIDWhoseMessageWasNotWrittenWasNotAccepted(t *testing.T) {
	limits := engine.DefaultLimits()
	limits.SessionBytes = 100 << 10
	h := hosttest.Open(t, sessions.Options{Limits: limits})
	s := h.Session(t)
	wantAccepted(t, h, s, "m", false)
	if _, _, err := h.Write(t, s, "m", strings.Repeat("x", 90<<10)); engine.CodeOf(err) != engine.CodeLimitExceeded {
		t.Fatalf("a message over the quota: %v", err)
	}
	wantAccepted(t, h, s, "m", false)
	h.MustWrite(t, s, "m", "x")
	wantAccepted(t, h, s, "m", true)
}
