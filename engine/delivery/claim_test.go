package delivery_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// Two front ends that ask at the same moment: the slower one was given what is
// behind the quicker one's reply, and sent it first.
func TestWhoWasSlowerIsNotGivenWhatIsBehindAClaimedReply(t *testing.T) {
	h, _ := newHost(t, nil)
	const rounds, claimers = 40, 4
	for round := range rounds {
		s := session(t, h)
		ids := []string{fmt.Sprintf("r%d-a", round), fmt.Sprintf("r%d-b", round), fmt.Sprintf("r%d-c", round)}
		for i, id := range ids {
			say(t, h, s, id, 2*i+1)
		}
		for _, id := range ids {
			waitStatus(t, h, s, id, engine.DeliveryPending)
		}
		var (
			mu  sync.Mutex // guards got
			got [][]engine.Reply
			all sync.WaitGroup
		)
		begin := make(chan struct{})
		for range claimers {
			all.Go(func() {
				<-begin
				replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 1, LeaseSeconds: 60, SessionID: &s.ID})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if len(replies) > 0 {
					got = append(got, replies)
				}
			})
		}
		close(begin)
		all.Wait()
		if len(got) > 1 || len(got) == 1 && got[0][0].ID != ids[0] {
			t.Fatalf("while nothing was settled, %d claimers were given replies: %+v", len(got), got)
		}
	}
}
