package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

// dueSessions are due among all that there are.
const dueSessions = 100

// openDue makes a registry of so many sessions.
func openDue(ctx context.Context, dir string, sessions int) (*registry.Registry, error) {
	r, err := registry.Open(ctx, filepath.Join(dir, fmt.Sprintf("due-%d.db", sessions)), registry.Options{})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	err = r.CreateAgentGroup(ctx, engine.AgentGroup{ID: "ag", Name: "Agents", CreatedAt: now})
	if err == nil {
		err = fillDue(ctx, r, sessions, now)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func fillDue(ctx context.Context, r *registry.Registry, sessions int, now time.Time) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(connections)
	for i := range sessions {
		g.Go(func() error {
			thread := fmt.Sprint(i)
			s := engine.Session{ID: fmt.Sprintf("%s%08d", engine.SessionIDPrefix, i), AgentGroupID: "ag", Mode: engine.ModePerThread, ThreadID: &thread,
				Status: engine.SessionActive, ContainerStatus: engine.ContainerStopped, Labels: []string{}, CreatedAt: now}
			err := r.CreateSession(ctx, s)
			if err == nil && i%(sessions/dueSessions) == 0 {
				err = r.NoteWork(ctx, s.ID, &now)
			}
			return err
		})
	}
	return g.Wait()
}

// sweep measures how long it takes to find the sessions that are due.
func sweep(r *registry.Registry) side {
	return func(ctx context.Context, _ int) (sample, error) {
		return measure(1, looks, func(int, int) error {
			work, err := r.Work(ctx, "", 1000)
			if err == nil && len(work) != dueSessions {
				err = fmt.Errorf("%d sessions are due", len(work))
			}
			return err
		})
	}
}
