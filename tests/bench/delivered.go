package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sync/errgroup"

	"github.com/twinbox/twinbox/engine"
)

const (
	// deliverTo sessions have a container that answers every replyEvery.
	deliverTo  = 50
	replyEvery = time.Second
	// arriveIn is when a reply that has not arrived never will.
	arriveIn = 30 * time.Second
)

// arrivals is a webhook's receiver.
type arrivals struct {
	*httptest.Server
	mu      sync.Mutex // guards waiting
	waiting map[string]chan time.Time
}

func receive() *arrivals {
	a := &arrivals{waiting: map[string]chan time.Time{}}
	a.Server = httptest.NewServer(a)
	return a
}

// ServeHTTP notes when the request's head had come.
func (a *arrivals) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	at := time.Now()
	var got struct{ Reply struct{ ID string } }
	if err := json.NewDecoder(r.Body).Decode(&got); err != nil && !errors.Is(err, io.EOF) {
		return // it times out
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.waiting[got.Reply.ID]; c != nil {
		delete(a.waiting, got.Reply.ID)
		c <- at
	}
}

// expect is called before a reply is written.
func (a *arrivals) expect(id string) <-chan time.Time {
	c := make(chan time.Time, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[id] = c
	return c
}

// serveDelivering starts a server that pushes its chat's replies to a receiver.
func serveDelivering(ctx context.Context, o options, dir string, to *arrivals) (*served, error) {
	s, err := serve(ctx, o.engine, filepath.Join(dir, "delivering"), "--webhook-allow-private")
	if err != nil {
		return nil, err
	}
	var out struct {
		SetWebhook struct {
			Webhook    *struct{ ID string }
			UserErrors []struct{ Message string }
		}
	}
	err = s.process.Query(ctx, `mutation($url: String!) {
		setWebhook(input: {channelType: "telegram", url: $url}) { webhook { id } userErrors { message } } }`, map[string]any{"url": to.URL}, &out)
	if err == nil && out.SetWebhook.Webhook == nil {
		err = fmt.Errorf("set the webhook: %v", out.SetWebhook.UserErrors)
	}
	if err != nil {
		return nil, errors.Join(err, s.process.Kill())
	}
	return s, nil
}

// deliver measures how long it takes from a reply's commit in outbound.db until
// its webhook is called. Containers answer all the while, each by itself.
func (s *served) deliver(to *arrivals, replies int) side {
	return func(ctx context.Context, round int) (sample, error) {
		containers := make([]*container, deliverTo)
		for i := range containers {
			id, err := s.newSession(ctx, "ag")
			if err != nil {
				return sample{}, err
			}
			if err := s.process.Query(ctx, s.writeTarget(id).document, s.writeTarget(id).variables, nil); err != nil {
				return sample{}, err
			}
			session := engine.Session{ID: id, AgentGroupID: "ag"}
			if containers[i], err = openContainer(filepath.Join(s.data, session.Folder(), "outbound.db")); err != nil {
				return sample{}, err
			}
			defer containers[i].Close()
		}
		took := make([][]time.Duration, deliverTo)
		start := time.Now()
		g, ctx := errgroup.WithContext(ctx)
		for i, c := range containers {
			g.Go(func() error {
				tick := time.NewTimer(time.Duration(i) * replyEvery / deliverTo)
				defer tick.Stop()
				for n := range replies {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-tick.C:
						tick.Reset(replyEvery)
					}
					id := fmt.Sprintf("reply-%d-%d-%d", round, i, n)
					arrived := to.expect(id)
					if err := c.reply(id, n); err != nil {
						return err
					}
					written := time.Now()
					select {
					case <-ctx.Done():
						return ctx.Err()
					case at := <-arrived:
						took[i] = append(took[i], max(0, at.Sub(written)))
					case <-time.After(arriveIn):
						return fmt.Errorf("the reply %s did not arrive within %v", id, arriveIn)
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return sample{}, err
		}
		return summarise(slices.Concat(took...), time.Since(start)), nil
	}
}

// container writes replies as one does.
type container struct {
	*sqlite3.Conn
	insert *sqlite3.Stmt
}

func openContainer(path string) (*container, error) {
	db, err := sqlite3.Open("file:" + path + "?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	insert, _, err := db.Prepare(`INSERT INTO messages_out (id, seq, timestamp, kind, content)
		VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'chat', '{"text":"It looks good to me. Two names could be shorter."}')`)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &container{db, insert}, nil
}

// reply commits its n-th.
func (c *container) reply(id string, n int) error {
	if err := errors.Join(c.insert.BindText(1, id), c.insert.BindInt64(2, int64(2*n+1))); err != nil {
		return err
	}
	for c.insert.Step() {
	}
	return errors.Join(c.insert.Err(), c.insert.Reset())
}
