package soak_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// lease is how long a claim holds, in seconds.
const lease = 10

// puller is front ends that claim replies, some of which die with them.
type puller struct {
	t *testing.T

	mu      sync.Mutex                      // guards all below
	claimed map[[2]string]map[int]time.Time // no later than each attempt's claim, by session and reply
	marked  map[[2]string]time.Time         // no earlier than the mark was stored
	order   map[string][]arrival            // by session
}

func newPuller(t *testing.T) *puller {
	return &puller{t: t, claimed: map[[2]string]map[int]time.Time{}, marked: map[[2]string]time.Time{}, order: map[string][]arrival{}}
}

type claimedReply struct {
	ReplyID  string
	Seq      int64
	Session  struct{ ID string }
	Content  map[string]any
	Delivery struct{ Attempts int }
}

func (p *puller) run(e *engines, stop <-chan struct{}) {
	for !done(stop, 300*time.Millisecond) {
		var out struct {
			ClaimReplies struct{ Replies []claimedReply }
		}
		began := time.Now()
		err := e.query(`mutation($lease: Int!) { claimReplies(input: {channelTypes: ["pulled"], max: 10, leaseSeconds: $lease}) {
			replies { replyId seq session { id } content delivery { attempts } } } }`, map[string]any{"lease": lease}, &out)
		if err != nil {
			p.t.Errorf("claim replies: %v", err)
			return
		}
		for _, r := range out.ClaimReplies.Replies {
			p.took(r, began)
		}
		for _, r := range out.ClaimReplies.Replies {
			if rand.IntN(20) == 0 {
				break // it dies
			}
			if err := e.query(`mutation($s: ID!, $r: String!) { markDelivered(input: {sessionId: $s, replyId: $r}) { userErrors { code message } } }`,
				map[string]any{"s": r.Session.ID, "r": r.ReplyID}, nil); err != nil {
				p.t.Errorf("mark reply %s delivered: %v", r.ReplyID, err)
				return
			}
			p.mu.Lock()
			p.marked[[2]string{r.Session.ID, r.ReplyID}] = time.Now()
			p.mu.Unlock()
		}
	}
}

// took takes note of a claim that was begun at a time.
func (p *puller) took(r claimedReply, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]string{r.Session.ID, r.ReplyID}
	if at, ok := p.marked[key]; ok && began.After(at) {
		p.t.Errorf("reply %s of %s was given out after it was marked as delivered", r.ReplyID, r.Session.ID)
	}
	n := r.Delivery.Attempts
	attempts := p.claimed[key]
	if attempts == nil {
		attempts = map[int]time.Time{}
		p.claimed[key] = attempts
		p.order[r.Session.ID] = append(p.order[r.Session.ID], arrival{r.ReplyID, r.Seq})
	}
	if _, again := attempts[n]; again {
		p.t.Errorf("attempt %d of reply %s of %s was given out twice", n, r.ReplyID, r.Session.ID)
	}
	if before, ok := attempts[n-1]; ok && time.Since(before) < lease*time.Second {
		p.t.Errorf("reply %s of %s was given out again within its lease", r.ReplyID, r.Session.ID)
	}
	attempts[n] = began
	if r.Content["seen"] != true {
		p.t.Errorf("reply %s of %s was not given to the hook", r.ReplyID, r.Session.ID)
	}
}
