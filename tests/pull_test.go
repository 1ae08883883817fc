package tests_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// puller claims replies and says that it has delivered them.
type puller struct {
	s   *supervisor
	mu  *sync.Mutex    // guards got
	got map[string]int // how often each reply was given to anybody
}

const claimReplies = `mutation { claimReplies(input: {max: 2, leaseSeconds: 3600}) { replies { replyId session { id } delivery { attempts } } userErrors { message } } }`

// run goes on until there is nothing to claim after the last kill.
func (p puller) run() {
	for {
		type reply struct {
			ReplyID  string
			Session  struct{ ID string }
			Delivery struct{ Attempts int }
		}
		var replies []reply
		last := p.s.finished()
		if !p.s.call("claim replies", func(e *engineproc.Process) error {
			var out struct{ ClaimReplies struct{ Replies []reply } }
			err := e.Query(background(), claimReplies, nil, &out)
			replies = out.ClaimReplies.Replies
			return err
		}) || last && len(replies) == 0 {
			return
		}
		for _, r := range replies {
			p.mu.Lock()
			p.got[r.Session.ID+" "+r.ReplyID]++
			p.mu.Unlock()
			if r.Delivery.Attempts != 1 {
				p.s.t.Errorf("%s was given to somebody before", r.ReplyID)
			}
			if !p.s.call("mark "+r.ReplyID, func(e *engineproc.Process) error {
				return e.Query(background(), `mutation($s: ID!, $r: String!) { markDelivered(input: {sessionId: $s, replyId: $r}) { userErrors { message } } }`,
					map[string]any{"s": r.Session.ID, "r": r.ReplyID}, nil)
			}) {
				return
			}
		}
	}
}

// A reply is given to one claimer, whenever the engine is killed. An answer
// that a kill swallows may have reached its claimer: what it gave out waits for
// the end of its lease, as do those behind it.
func TestKillsGiveNoReplyToTwoClaimers(t *testing.T) {
	const sessions, replies = 6, 15
	s := supervise(t, t.TempDir())
	e := s.current()
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	folders := map[string]string{}
	for i := range sessions {
		id, folder, err := resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
		folders[id] = filepath.Join(s.data, folder)
		foreign.Run(t, "exec", folders[id], "outbound", fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO messages_out (id, seq, timestamp, kind, content) SELECT 'r' || i, 2 * i - 1, datetime('now'), 'chat', 'x' FROM n`, replies))
		session{engine: e, id: id}.mark(t, "RUNNING")
	}
	p := puller{s: s, mu: &sync.Mutex{}, got: map[string]int{}}
	var pullers sync.WaitGroup
	for range 3 {
		pullers.Go(p.run)
	}
	for range kills(t, 4) {
		s.kill(5 + rand.IntN(20))
	}
	s.set(func() { s.done = true })
	pullers.Wait()
	delivered := 0
	for id, folder := range folders {
		for _, row := range foreign.Rows(t, folder, "inbound", "delivered") {
			delivered++
			if p.got[fmt.Sprint(id, " ", row["message_out_id"])] != 1 {
				t.Errorf("%v of %s was given out %d times", row["message_out_id"], id, p.got[fmt.Sprint(id, " ", row["message_out_id"])])
			}
		}
	}
	if delivered != len(p.got) || delivered == 0 {
		t.Errorf("%d are delivered, and %d were given out", delivered, len(p.got))
	}
	t.Logf("%d of %d replies", delivered, sessions*replies)
}
