package tests_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// cancel calls off a reply; without an error, the engine says that it is.
func (c *crashSite) cancel(reply string) error {
	var out struct {
		CancelReply struct {
			Reply      struct{ Delivery struct{ Status string } }
			UserErrors []userError
		}
	}
	err := c.engine.Query(background(), `mutation($s: ID!, $r: String!) { cancelReply(input: {sessionId: $s, replyId: $r}) { reply { delivery { status } } userErrors { code message } } }`,
		map[string]any{"s": c.id, "r": reply}, &out)
	if err == nil && (len(out.CancelReply.UserErrors) > 0 || out.CancelReply.Reply.Delivery.Status != "CANCELLED") {
		err = fmt.Errorf("cancel %s: %+v", reply, out.CancelReply)
	}
	return err
}

// A reply is cancelled, or as it was before; and what the engine said to be
// cancelled never goes out.
func TestKillsAmidCancellations(t *testing.T) {
	const replies = 40
	for _, x := range []struct {
		name string
		// kill ends the engine while replies are cancelled, and returns of which
		// it said that they are.
		kill func(t *testing.T, c *crashSite) (acknowledged []string)
	}{
		{"after the third of many", func(t *testing.T, c *crashSite) []string { return c.cancelUntil(t, replies, 3) }},
		{"after the fifteenth of many", func(t *testing.T, c *crashSite) []string { return c.cancelUntil(t, replies, 15) }},
		{"in the folder, not in the index", func(t *testing.T, c *crashSite) []string {
			db, err := sqlite3.Open("file:" + filepath.Join(c.data, "engine.db") + "?_pragma=busy_timeout(60000)")
			must(t, err)
			must(t, db.Exec(`BEGIN IMMEDIATE`))
			done := make(chan error)
			go func() { done <- c.cancel("r0") }()
			until(t, "r0 to be cancelled", func() bool { return c.dispatches(t)["r0"] == "cancelled" })
			must(t, c.engine.Kill())
			must(t, db.Close())
			<-done
			if !slices.Contains(c.registered(t, indexed), "r0") {
				t.Error("too late: it is not in the index")
			}
			return []string{"r0"} // it is on disk
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newCrashSite(t)
			// Nobody sends them before the kill.
			c.engine.MustQuery(t, `mutation { setWebhook(input: {channelType: "telegram", url: "http://127.0.0.1:1", enabled: false}) { userErrors { message } } }`, nil, nil)
			var rows []string
			for n := range replies {
				rows = append(rows, fmt.Sprintf(`('r%d', %d, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi"}')`, n, 2*n+1))
			}
			foreign.Run(t, "exec", c.folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES `+strings.Join(rows, ", "))
			last := fmt.Sprint("r", replies-1)
			until(t, "all to be noted", func() bool { return c.state(t, last) == "pending" })
			acknowledged := x.kill(t, c)
			c.restart(t)
			c.push(t, c.receiver.URL)
			c.checkCancelled(t, replies, acknowledged)
		})
	}
}

// cancelUntil cancels all replies, and kills the engine when it has said of so
// many that they are cancelled.
func (c *crashSite) cancelUntil(t *testing.T, replies, enough int) (acknowledged []string) {
	t.Helper()
	var mu sync.Mutex // guards acknowledged
	var all sync.WaitGroup
	reached := make(chan struct{})
	for n := range replies {
		all.Go(func() {
			id := fmt.Sprint("r", n)
			if c.cancel(id) != nil {
				return // killed before it answered
			}
			mu.Lock()
			defer mu.Unlock()
			if acknowledged = append(acknowledged, id); len(acknowledged) == enough {
				close(reached)
			}
		})
	}
	<-reached
	must(t, c.engine.Kill())
	all.Wait()
	return acknowledged
}

// dispatches are the states of what has one, by the reply's id.
func (c *crashSite) dispatches(t *testing.T) map[string]any {
	t.Helper()
	states := map[string]any{}
	for _, row := range foreign.Rows(t, c.folder, "inbound", "engine_outbox") {
		states[row["message_out_id"].(string)] = row["state"]
	}
	return states
}

// checkCancelled expects each reply to be either cancelled, of which its agent
// knows, or delivered.
func (c *crashSite) checkCancelled(t *testing.T, replies int, acknowledged []string) {
	t.Helper()
	until(t, "nothing to be left", func() bool { return len(c.registered(t, indexed)) == 0 })
	arrived := map[string]int{}
	for _, p := range c.receiver.all() {
		arrived[p.Reply.ID]++
	}
	told := map[string]int{}
	for _, row := range foreign.Rows(t, c.folder, "inbound", "messages_in") {
		for n := range replies {
			if content := row["content"].(string); strings.Contains(content, "delivery_failed") && strings.Contains(content, fmt.Sprintf(`"r%d"`, n)) {
				told[fmt.Sprint("r", n)]++
			}
		}
	}
	cancelled, dispatches := 0, c.dispatches(t)
	for n := range replies {
		id := fmt.Sprint("r", n)
		switch state := c.state(t, id); {
		case state == "failed" && dispatches[id] == "cancelled" && arrived[id] == 0 && told[id] == 1:
			cancelled++
		case state == "delivered" && dispatches[id] == nil && arrived[id] == 1 && told[id] == 0 && !slices.Contains(acknowledged, id):
		default:
			t.Errorf("%s is %q and %v, arrived %d times, and its agent was told %d times; acknowledged as cancelled: %v", id, state, dispatches[id], arrived[id], told[id], slices.Contains(acknowledged, id))
		}
	}
	t.Logf("of %d replies, %d are cancelled, of which %d were acknowledged", replies, cancelled, len(acknowledged))
}
