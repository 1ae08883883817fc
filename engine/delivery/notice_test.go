package delivery_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/delivery"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

func unsettled(t *testing.T, h *hosttest.Host) (ids []string) {
	t.Helper()
	l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 100}, engine.UnsettledRepliesFilter{})
	hosttest.Must(t, err)
	for _, r := range l.Items {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestRepliesOfSessionsThatNobodyWatchesAreFound(t *testing.T) {
	data := t.TempDir()
	h := hosttest.OpenAt(t, data, sessions.Options{})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	s, idle := h.Session(t), h.Session(t)
	hosttest.Must(t, h.Close())
	say(t, h, s, "meanwhile", 1)
	h = hosttest.OpenWith(t, data, sessions.Options{}, engine.NewEventQueue(), func(c *engine.Config) { c.SweepReplies = 20 * time.Millisecond })
	hosttest.Wait(t, "what was written while no engine ran", func() bool { return slices.Equal(unsettled(t, h), []string{"meanwhile"}) })
	say(t, h, idle, "later", 1)
	hosttest.Wait(t, "what was written unseen", func() bool { return slices.Equal(unsettled(t, h), []string{"meanwhile", "later"}) })
}

func TestTheLastRepliesOfAStoppedContainerAreFound(t *testing.T) {
	h, _ := newHost(t, nil)
	s := session(t, h)
	say(t, h, s, "last", 1)
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped)
	hosttest.Must(t, err)
	hosttest.Wait(t, "the last reply", func() bool { return slices.Equal(unsettled(t, h), []string{"last"}) })
}

// ever has no file be too old to have changed.
func ever(string) time.Time { return time.Time{} }

// A sweep of files that did not change opens none of them.
func TestASessionThatDidNotChangeIsNotLookedInto(t *testing.T) {
	h, _ := newHost(t, nil)
	all := []engine.Session{h.Session(t), h.Session(t), h.Session(t)}
	places := make([]engine.SessionPlace, len(all))
	for i, s := range all {
		places[i] = engine.SessionPlace{ID: s.ID, AgentGroupID: s.AgentGroupID}
	}
	// As it was made, nothing is in it, though nobody has looked.
	if got, _ := h.Store.OutboundChanged(places, ever); got != nil {
		t.Errorf("changed for no reason: %v", got)
	}
	say(t, h, all[1], "r", 1)
	if got, _ := h.Store.OutboundChanged(places, ever); !slices.Equal(got, []string{all[1].ID}) {
		t.Errorf("changed: %v", got)
	}
}

// A store that has just begun knows of no file what it was like.
func TestOfUnknownFilesThoseThatAreNewerThanAsked(t *testing.T) {
	h, _ := newHost(t, nil)
	s := h.Session(t)
	places := []engine.SessionPlace{{ID: s.ID, AgentGroupID: s.AgentGroupID}}
	look := func(since time.Time) []string {
		store, err := sessions.Open(h.Data, sessions.Options{Passive: true})
		hosttest.Must(t, err)
		defer store.Close()
		changed, _ := store.OutboundChanged(places, func(string) time.Time { return since })
		return changed
	}
	if got := look(time.Now().Add(time.Hour)); got != nil {
		t.Errorf("what is older than asked for has changed: %v", got)
	}
	if got := look(time.Now().Add(-time.Hour)); !slices.Equal(got, []string{s.ID}) {
		t.Errorf("changed: %v", got)
	}
}

// The clocks of file systems are coarse: a reply may be written within the same
// moment, to a file of the same size, as one that was seen.
func TestAFileThatWasWrittenJustNowIsLookedIntoOnceMore(t *testing.T) {
	h, _ := newHost(t, nil)
	s := h.Session(t)
	places := []engine.SessionPlace{{ID: s.ID, AgentGroupID: s.AgentGroupID}}
	hosttest.Wait(t, "two looks within the second in which it was written", func() bool {
		began := time.Now()
		hosttest.Must(t, os.Chtimes(h.Folder(s, "outbound.db"), began, began))
		first, _ := h.Store.OutboundChanged(places, ever)
		second, _ := h.Store.OutboundChanged(places, ever)
		if time.Since(began) >= time.Second {
			return false
		}
		if want := []string{s.ID}; !slices.Equal(first, want) || !slices.Equal(second, want) {
			t.Errorf("changed: %v, then %v", first, second)
		}
		return true
	})
	hosttest.Wait(t, "rest", func() bool {
		changed, _ := h.Store.OutboundChanged(places, ever)
		return changed == nil
	})
}

func TestAReplyThatIsDueLaterHoldsUpNothing(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, ok)
	push(t, h, r.URL)
	s := session(t, h)
	// As text, this one would sort behind the time of today.
	say(t, h, s, "later", 1, "deliver_after", engine.FormatTime(c.now().Add(time.Hour)))
	say(t, h, s, "past", 3, "deliver_after", c.now().UTC().Add(-time.Second).Format("2006-01-02 15:04:05"))
	say(t, h, s, "zone", 5, "deliver_after", c.now().Add(-time.Second).In(time.FixedZone("", 19800)).Format(time.RFC3339))
	say(t, h, s, "garbled", 7, "deliver_after", "soon")
	waitStatus(t, h, s, "garbled", engine.DeliveryDelivered)
	if got := r.ids(""); !slices.Equal(got, []string{"past", "zone", "garbled"}) {
		t.Errorf("sent %q", got)
	}
	c.pass(61 * time.Minute)
	waitStatus(t, h, s, "later", engine.DeliveryDelivered)
}

// BenchmarkRowToWebhook is from the commit of a reply to its request, with 50
// sessions whose containers all write.
func BenchmarkRowToWebhook(b *testing.B) {
	arrived := make(chan time.Time, 1)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- time.Now() }))
	defer server.Close()
	w := delivery.New(delivery.Options{AllowPrivate: true})
	defer w.Close()
	h := hosttest.OpenWith(b, b.TempDir(), sessions.Options{}, engine.NewEventQueue(), func(c *engine.Config) { c.Sender = w })
	_, err := h.CreateAgentGroup(b.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(b, err)
	_, err = h.SetWebhook(b.Context(), engine.SetWebhookInput{ChannelType: "test", URL: server.URL})
	hosttest.Must(b, err)
	var all []engine.Session
	for range 50 {
		s := h.Session(b)
		_, err := h.MarkContainer(b.Context(), s.ID, engine.ContainerRunning)
		hosttest.Must(b, err)
		all = append(all, s)
	}
	var took []time.Duration
	n := 0
	for b.Loop() {
		s := all[n%len(all)]
		h.Exec(b, s, "outbound.db", fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r%d', %d, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi"}')`, n, 2*n+1))
		began := time.Now()
		took = append(took, (<-arrived).Sub(began))
		n++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func TestRepliesThatNobodyPullsHoldUpNoWebhook(t *testing.T) {
	h, _ := newHost(t, nil)
	r := newReceiver(t, ok)
	push(t, h, r.URL)
	s := session(t, h)
	g, _, err := h.EnsureMessagingGroup(t.Context(), engine.EnsureMessagingGroupInput{ChannelType: "pulled", PlatformID: "1"})
	hosttest.Must(t, err)
	_, err = h.SetDestination(t.Context(), engine.SetDestinationInput{AgentGroupID: hosttest.AgentGroup, Name: "pulled", MessagingGroupID: &g.ID})
	hosttest.Must(t, err)
	h.Exec(t, s, "outbound.db", `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
		INSERT INTO messages_out (id, seq, timestamp, kind, content, channel_type, platform_id) SELECT 'p' || i, 2 * i - 1, '2026-01-01T00:00:00Z', 'chat', 'x', 'pulled', '1' FROM n`)
	say(t, h, s, "pushed", 5001)
	waitStatus(t, h, s, "pushed", engine.DeliveryDelivered)
	replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 2, LeaseSeconds: 60})
	if err != nil || len(replies) != 2 || replies[0].ID != "p1" || replies[1].ID != "p2" {
		t.Errorf("claimed %+v, %v", replies, err)
	}
}

// A sweep passes over a session whose container holds a lock, or whose folder is
// away; what is said there is found by the engine after this one all the same.
func TestWhatASweepCouldNotReadIsReadAfterARestart(t *testing.T) {
	for name, block := range map[string]func(t *testing.T, h *hosttest.Host, s engine.Session) (release func()){
		"locked": func(t *testing.T, h *hosttest.Host, s engine.Session) func() {
			container := h.DB(t, s, "outbound.db")
			hosttest.Must(t, container.Exec("BEGIN EXCLUSIVE"))
			return func() { hosttest.Must(t, container.Exec("ROLLBACK")) }
		},
		"away": func(t *testing.T, h *hosttest.Host, s engine.Session) func() {
			return moveAway(t, h.Folder(s))
		},
		"away with its agent group's": func(t *testing.T, h *hosttest.Host, s engine.Session) func() {
			return moveAway(t, filepath.Dir(h.Folder(s)))
		},
		"unreadable": func(t *testing.T, h *hosttest.Host, s engine.Session) func() {
			back := moveAway(t, h.Folder(s))
			hosttest.Must(t, os.Symlink(s.ID, h.Folder(s))) // to itself
			return func() {
				hosttest.Must(t, os.Remove(h.Folder(s)))
				back()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &clock{at: time.Now()}
			data := t.TempDir()
			open := func(sweep time.Duration) *hosttest.Host {
				c.pass(time.Hour)
				h := hosttest.OpenWith(t, data, sessions.Options{Now: c.now}, engine.NewEventQueue(), func(c *engine.Config) { c.SweepReplies = sweep })
				hosttest.Wait(t, "sweep", func() bool {
					at := queryRegistry(t, h, `SELECT at FROM marks WHERE name = 'swept'`)
					return len(at) == 1 && at[0] >= c.now().UnixMilli()
				})
				return h
			}
			h := open(time.Hour)
			_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
			hosttest.Must(t, err)
			s := h.Session(t)
			hosttest.Must(t, h.Close())
			say(t, h, s, "r", 1)
			release := block(t, h, s)
			for range 2 { // one finds that it has changed, one that it has not
				hosttest.Must(t, open(time.Hour).Close())
			}
			h = open(20 * time.Millisecond)
			release()
			c.pass(time.Minute)
			hosttest.Wait(t, "the reply", func() bool { return slices.Equal(unsettled(t, h), []string{"r"}) })
			hosttest.Wait(t, "sweep that has nothing left", func() bool {
				return len(queryRegistry(t, h, `SELECT at FROM marks WHERE name LIKE 'unread:%'`)) == 0
			})
		})
	}
}

// moveAway renames a folder until back is called.
func moveAway(t *testing.T, folder string) (back func()) {
	t.Helper()
	away := filepath.Join(t.TempDir(), "away")
	hosttest.Must(t, os.Rename(folder, away))
	return func() { hosttest.Must(t, os.Rename(away, folder)) }
}

// queryRegistry returns the numbers of a query's first column.
func queryRegistry(t *testing.T, h *hosttest.Host, query string) (values []int64) {
	t.Helper()
	c, err := sqlite3.Open("file:" + filepath.Join(h.Data, "engine.db") + "?_pragma=busy_timeout(5000)")
	hosttest.Must(t, err)
	defer c.Close()
	st, _, err := c.Prepare(query)
	hosttest.Must(t, err)
	defer st.Close()
	for st.Step() {
		values = append(values, st.ColumnInt64(0))
	}
	hosttest.Must(t, st.Err())
	return values
}
