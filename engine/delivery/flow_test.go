package delivery_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/delivery"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// request is what a receiver got.
type request struct {
	DeliveryID     string
	Attempt        int
	PossibleRepeat bool
	SessionID      string
	Reply          struct {
		ID                      string
		ChannelType, PlatformID *string
		Content                 json.RawMessage
	}
	Files []struct {
		Name string
		Data []byte
		URL  string
	}
}

// receiver answers as the test says, and keeps what it was sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex // guards got and answer
	got    []request
	answer func(request) int // 0 hangs
}

func newReceiver(t *testing.T, answer func(request) int) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		var q request
		if err := json.NewDecoder(hr.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.got = append(r.got, q)
		status := r.answer(q)
		r.mu.Unlock()
		if status == 0 {
			<-hr.Context().Done()
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answerWith(answer func(request) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// ids are of what was sent for a session, "" for all.
func (r *receiver) ids(sessionID string) (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.got {
		if sessionID == "" || q.SessionID == sessionID {
			ids = append(ids, q.Reply.ID)
		}
	}
	return ids
}

func (r *receiver) all() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) last() request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[len(r.got)-1]
}

// clock is set by the test.
type clock struct {
	mu sync.Mutex // guards at
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func openHost(t *testing.T, data string, c *clock, hooks engine.HookHost) *hosttest.Host {
	t.Helper()
	w := delivery.New(delivery.Options{AllowPrivate: true})
	t.Cleanup(w.Close)
	return hosttest.OpenWith(t, data, sessions.Options{Now: c.now}, engine.NewEventQueue(), func(e *engine.Config) {
		e.Sender = w
		if hooks != nil {
			e.Hooks = hooks
		}
	})
}

func newHost(t *testing.T, hooks engine.HookHost) (*hosttest.Host, *clock) {
	t.Helper()
	c := &clock{at: time.Now()}
	h := openHost(t, t.TempDir(), c, hooks)
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	return h, c
}

func session(t *testing.T, h *hosttest.Host) engine.Session {
	t.Helper()
	s := h.Session(t)
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	hosttest.Must(t, err)
	return s
}

func push(t *testing.T, h *hosttest.Host, url string) {
	t.Helper()
	_, err := h.SetWebhook(t.Context(), engine.SetWebhookInput{ChannelType: "test", URL: url})
	hosttest.Must(t, err)
}

// say is what a container does that replies to where it likes.
func say(t *testing.T, h *hosttest.Host, s engine.Session, id string, seq int, columns ...string) {
	t.Helper()
	names, values := "", ""
	for i := 0; i < len(columns); i += 2 {
		names += ", " + columns[i]
		values += ", '" + columns[i+1] + "'"
	}
	content := ", '{\"text\":\"hi\"}'"
	if slices.Contains(columns, "content") {
		content = ""
	} else {
		names = ", content" + names
	}
	h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind%s) VALUES ('%s', %d, '2026-01-31T12:00:00Z', 'chat'%s%s)`, names, id, seq, content, values))
}

func status(t *testing.T, h *hosttest.Host, s engine.Session, id string) engine.Delivery {
	t.Helper()
	r, err := h.Reply(t.Context(), s.ID, id)
	hosttest.Must(t, err)
	return r.Delivery
}

func waitStatus(t *testing.T, h *hosttest.Host, s engine.Session, id string, want engine.DeliveryStatus) {
	t.Helper()
	hosttest.Wait(t, fmt.Sprintf("%s to be %s", id, want), func() bool { return status(t, h, s, id).Status == want })
}

func ok(request) int { return 200 }

func TestATransientFailureHoldsBackWhatComesLaterAndAPermanentOneDoesNot(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(q request) int {
		if q.Reply.ID == "a1" {
			return 503
		}
		if q.Reply.ID == "b1" {
			return 410
		}
		return 200
	})
	push(t, h, r.URL)
	a, b := session(t, h), session(t, h)
	say(t, h, a, "a1", 1)
	say(t, h, a, "a2", 3)
	say(t, h, b, "b1", 1)
	say(t, h, b, "b2", 3)
	waitStatus(t, h, b, "b2", engine.DeliveryDelivered)
	waitStatus(t, h, b, "b1", engine.DeliveryFailed)
	hosttest.Wait(t, "the first attempt at a1", func() bool { return status(t, h, a, "a1").LastError != nil })
	d := status(t, h, a, "a1")
	if d.Attempts != 1 || d.LastError == nil || !strings.Contains(*d.LastError, "503") || d.NextAttemptAt.Sub(c.now()) > 5*time.Second {
		t.Errorf("after one failure: %+v", d)
	}
	if got := r.ids(a.ID); !slices.Equal(got, []string{"a1"}) {
		t.Errorf("sent %q", got)
	}
	r.answerWith(ok)
	c.pass(10 * time.Second)
	waitStatus(t, h, a, "a2", engine.DeliveryDelivered)
	if got := r.ids(a.ID); !slices.Equal(got, []string{"a1", "a1", "a2"}) {
		t.Errorf("sent %q", got)
	}
	if d := status(t, h, a, "a1"); d.Status != engine.DeliveryDelivered || d.Attempts != 2 {
		t.Errorf("a1 is %+v", d)
	}
	// Lesson 25: the agent is told, the operator has a list.
	hosttest.Wait(t, "the agent to be told", func() bool {
		rows := h.Rows(t, b, "inbound.db", `SELECT kind, "trigger", content FROM messages_in`)
		return len(rows) == 1 && strings.HasPrefix(rows[0], `system|0|{`) && strings.Contains(rows[0], `"replyId":"b1"`)
	})
	l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 10}, engine.UnsettledRepliesFilter{})
	if err != nil || len(l.Items) != 1 || l.Items[0].ID != "b1" {
		t.Errorf("unsettled: %+v, %v", l, err)
	}
	_, err = h.RetryReply(t.Context(), b.ID, "b1")
	hosttest.Must(t, err)
	waitStatus(t, h, b, "b1", engine.DeliveryDelivered)
}

// A webhook that is disabled pauses what it would be sent; a reply is called off
// by saying that it failed.
func TestRepliesArePausedCalledOffAndResumed(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(request) int { return 503 })
	push(t, h, r.URL)
	s := session(t, h)
	say(t, h, s, "r1", 1)
	say(t, h, s, "r2", 3)
	hosttest.Wait(t, "the first attempt to have failed", func() bool { return status(t, h, s, "r1").LastError != nil })
	enable := func(yes bool) {
		_, err := h.SetWebhook(t.Context(), engine.SetWebhookInput{ChannelType: "test", URL: r.URL, Enabled: &yes})
		hosttest.Must(t, err)
	}
	enable(false)
	r.answerWith(ok)
	c.pass(time.Hour)
	// The deliverer may still be finding out that it is disabled.
	hosttest.Wait(t, "r1 to be claimed", func() bool {
		got, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 1, LeaseSeconds: 60})
		hosttest.Must(t, err)
		if len(got) == 1 && got[0].ID != "r1" {
			t.Fatalf("claimed %+v", got)
		}
		return len(got) == 1
	})
	off, err := h.MarkDelivered(t.Context(), engine.MarkDeliveredInput{SessionID: s.ID, ReplyID: "r1", Failed: true, Error: hosttest.Ptr("called off")})
	if err != nil || off.Delivery.Status != engine.DeliveryFailed || *off.Delivery.LastError != "called off" {
		t.Errorf("%+v, %v", off.Delivery, err)
	}
	enable(true)
	waitStatus(t, h, s, "r2", engine.DeliveryDelivered)
	if got := r.ids(s.ID); !slices.Equal(got, []string{"r1", "r2"}) {
		t.Errorf("sent %q", got)
	}
}

func TestADeadReceiverIsGivenUpAfterAboutADay(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(request) int { return 500 })
	push(t, h, r.URL)
	s := session(t, h)
	say(t, h, s, "r", 1)
	began := c.now()
	for {
		var d engine.Delivery
		hosttest.Wait(t, "an attempt", func() bool {
			d = status(t, h, s, "r")
			return d.Status == engine.DeliveryFailed || d.NextAttemptAt != nil && d.NextAttemptAt.After(c.now())
		})
		if d.Status == engine.DeliveryFailed {
			if took := c.now().Sub(began); took < 18*time.Hour || took > 26*time.Hour {
				t.Errorf("given up after %s and %d attempts", took, d.Attempts)
			}
			return
		}
		if wait := d.NextAttemptAt.Sub(c.now()); wait > 15*time.Minute {
			t.Fatalf("the next attempt is in %s", wait)
		}
		c.pass(d.NextAttemptAt.Sub(c.now()))
		push(t, h, r.URL) // has what waits looked at
	}
}

func TestAnAttemptThatACrashEndedIsMadeAgainAndMarked(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(request) int { return 0 })
	push(t, h, r.URL)
	s := session(t, h)
	say(t, h, s, "r", 1)
	hosttest.Wait(t, "the attempt", func() bool { return len(r.ids("")) == 1 })
	first := r.last()
	hosttest.Must(t, h.Close())
	r.answerWith(ok)
	c.pass(time.Minute)
	h = openHost(t, h.Data, c, nil)
	waitStatus(t, h, s, "r", engine.DeliveryDelivered)
	again := r.last()
	if first.Attempt != 1 || first.PossibleRepeat || again.Attempt != 2 || !again.PossibleRepeat || again.DeliveryID != first.DeliveryID {
		t.Errorf("first %+v, then %+v", first, again)
	}
}

// Lessons 22 and 38: while one receiver hangs, each other session's replies
// arrive.
func TestAReceiverThatHangsHoldsUpNoOtherSession(t *testing.T) {
	h, _ := newHost(t, nil)
	hangs, others := session(t, h), []engine.Session{session(t, h), session(t, h)}
	r := newReceiver(t, func(q request) int {
		if q.SessionID == hangs.ID {
			return 0
		}
		return 200
	})
	push(t, h, r.URL)
	say(t, h, hangs, "r1", 1)
	say(t, h, hangs, "r2", 3)
	hosttest.Wait(t, "the receiver to hang", func() bool { return len(r.ids(hangs.ID)) > 0 })
	for _, s := range others {
		say(t, h, s, "r1", 1)
		say(t, h, s, "r2", 3)
		waitStatus(t, h, s, "r2", engine.DeliveryDelivered)
	}
	if got := r.ids(hangs.ID); !slices.Equal(got, []string{"r1"}) {
		t.Errorf("%q arrived where the first one hangs", got)
	}
	if d := status(t, h, hangs, "r1"); d.Status == engine.DeliveryDelivered || d.Attempts != 1 {
		t.Errorf("what hangs is %+v", d)
	}
	hosttest.Must(t, h.Close()) // which does not wait for it
}

func TestRepliesGoOnlyToTheSessionsChatAndToDestinations(t *testing.T) {
	h, _ := newHost(t, nil)
	r := newReceiver(t, ok)
	push(t, h, r.URL)
	s := session(t, h)
	for i, chat := range []string{"friend", "stranger"} {
		g, _, err := h.EnsureMessagingGroup(t.Context(), engine.EnsureMessagingGroupInput{ChannelType: "test", PlatformID: chat})
		hosttest.Must(t, err)
		if i == 0 {
			_, err = h.SetDestination(t.Context(), engine.SetDestinationInput{AgentGroupID: hosttest.AgentGroup, Name: chat, MessagingGroupID: &g.ID})
			hosttest.Must(t, err)
		}
	}
	say(t, h, s, "stranger", 1, "channel_type", "test", "platform_id", "stranger")
	say(t, h, s, "nobody", 3, "channel_type", "elsewhere", "platform_id", "x")
	say(t, h, s, "friend", 5, "channel_type", "test", "platform_id", "friend")
	say(t, h, s, "own", 7)
	waitStatus(t, h, s, "own", engine.DeliveryDelivered)
	waitStatus(t, h, s, "friend", engine.DeliveryDelivered)
	if got := r.ids(""); !slices.Equal(got, []string{"friend", "own"}) {
		t.Errorf("sent %q", got)
	}
	if last := r.last().Reply; last.PlatformID == nil || !strings.HasPrefix(*last.PlatformID, "chat-") {
		t.Errorf("a reply that names no chat went to %v", last.PlatformID)
	}
	for _, id := range []string{"stranger", "nobody"} {
		if d := status(t, h, s, id); d.Status != engine.DeliveryFailed || d.LastError == nil || !strings.Contains(*d.LastError, "destination") {
			t.Errorf("%s: %+v", id, d)
		}
	}
}

func TestFilesGoWithTheReplyAndAreRemovedAfterwards(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, ok)
	push(t, h, r.URL)
	s := session(t, h)
	hosttest.Must(t, os.MkdirAll(h.Folder(s, "outbox", "r"), 0o770))
	hosttest.Must(t, os.WriteFile(h.Folder(s, "outbox", "r", "small.txt"), []byte("small"), 0o660))
	hosttest.Must(t, os.WriteFile(h.Folder(s, "outbox", "r", "large.bin"), make([]byte, 2<<20), 0o660))
	hosttest.Must(t, os.Symlink("/etc/passwd", h.Folder(s, "outbox", "r", "link")))
	say(t, h, s, "r", 1, "content", `{"text":"see","files":["small.txt","large.bin","link","../../inbound.db"]}`)
	waitStatus(t, h, s, "r", engine.DeliveryDelivered)
	files := r.last().Files
	if len(files) != 2 || string(files[0].Data) != "small" || files[1].Data != nil {
		t.Fatalf("files %+v", files)
	}
	path, query, _ := strings.Cut(files[1].URL, "?")
	var expires, signature string
	for _, pair := range strings.Split(query, "&") {
		if v, ok := strings.CutPrefix(pair, "expires="); ok {
			expires = v
		}
		if v, ok := strings.CutPrefix(pair, "signature="); ok {
			signature = v
		}
	}
	if path != "/files/"+s.ID+"/outbox/r/large.bin" || !h.FileSigned(s.ID, "outbox/r/large.bin", expires, signature) {
		t.Errorf("url %s", files[1].URL)
	}
	if h.FileSigned(s.ID, "outbox/r/small.txt", expires, signature) || h.FileSigned(s.ID, "outbox/r/large.bin", expires+"0", signature) {
		t.Error("a signature is good for something else")
	}
	c.pass(25 * time.Hour)
	if h.FileSigned(s.ID, "outbox/r/large.bin", expires, signature) {
		t.Error("a signature does not expire")
	}
	hosttest.Wait(t, "the files to be removed", func() bool {
		_, err := os.Lstat(h.Folder(s, "outbox", "r"))
		return os.IsNotExist(err)
	})
}

// Lesson 21, and a folder that leads elsewhere.
func TestAnOutboxThatCannotBeRemovedDeliversOnce(t *testing.T) {
	h, _ := newHost(t, nil)
	r := newReceiver(t, ok)
	push(t, h, r.URL)
	s := session(t, h)
	hosttest.Must(t, os.RemoveAll(h.Folder(s, "outbox")))
	hosttest.Must(t, os.Symlink(".", h.Folder(s, "outbox")))
	say(t, h, s, "inbound.db", 1)
	waitStatus(t, h, s, "inbound.db", engine.DeliveryDelivered)
	say(t, h, s, "next", 3)
	waitStatus(t, h, s, "next", engine.DeliveryDelivered)
	if got := r.ids(""); !slices.Equal(got, []string{"inbound.db", "next"}) {
		t.Errorf("sent %q", got)
	}
}

func TestTwoClaimersNeverGetTheSameReply(t *testing.T) {
	h, c := newHost(t, nil)
	var all []string
	var sess []engine.Session
	for i := range 4 {
		s := session(t, h)
		sess = append(sess, s)
		for n := range 5 {
			all = append(all, fmt.Sprintf("r%d-%d", i, n))
			say(t, h, s, all[len(all)-1], 2*n+1)
		}
	}
	hosttest.Wait(t, "all to be noted", func() bool {
		l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 100}, engine.UnsettledRepliesFilter{})
		return err == nil && len(l.Items) == len(all)
	})
	var mu sync.Mutex // guards got
	var got []string
	var claimers sync.WaitGroup
	for range 4 {
		claimers.Go(func() {
			for range 4 {
				replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 3, LeaseSeconds: 60, ChannelTypes: []string{"test"}})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, r := range replies {
					got = append(got, r.ID)
				}
				mu.Unlock()
			}
		})
	}
	claimers.Wait()
	slices.Sort(got)
	if len(slices.Compact(slices.Clone(got))) != len(got) || len(got) == 0 {
		t.Errorf("claimed %q", got)
	}
	// Nobody said what became of them.
	c.pass(2 * time.Minute)
	if d := status(t, h, sess[0], "r0-0"); d.Status != engine.DeliveryUnknown {
		t.Errorf("after its lease, it is %+v", d)
	}
	replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 100, LeaseSeconds: 60, SessionID: &sess[0].ID})
	if err != nil || len(replies) != 5 || replies[0].ID != "r0-0" || replies[0].Delivery.Attempts != 2 {
		t.Errorf("%+v, %v", replies, err)
	}
}
