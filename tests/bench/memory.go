package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// memory is what the real binary keeps resident with many sessions, in bytes.
type memory struct {
	Sessions int `json:"sessions"`
	// Made is after this process made them all over HTTP and fell idle,
	// Restarted after it was started again on them.
	Made         int64   `json:"made"`
	Restarted    int64   `json:"restarted"`
	Target       int64   `json:"target"`
	Reached      bool    `json:"reached"`
	StartSeconds float64 `json:"startSeconds"`
	MakeSeconds  float64 `json:"makeSeconds"`
}

const memoryTarget = 150e6

// measureMemory makes sessions in a new data directory and waits idle after it.
func measureMemory(ctx context.Context, bin, data string, sessions int, idle time.Duration) (m memory, err error) {
	m = memory{Sessions: sessions, Target: memoryTarget}
	s, err := serve(ctx, bin, data)
	if err != nil {
		return m, err
	}
	running := s.process
	defer func() {
		if err != nil {
			err = errors.Join(err, running.Kill())
		}
	}()
	begun := time.Now()
	if err := s.makeSessions(ctx, sessions); err != nil {
		return m, err
	}
	m.MakeSeconds = time.Since(begun).Seconds()
	if m.Made, err = resident(ctx, running, idle); err != nil {
		return m, err
	}
	if err := running.Stop(); err != nil {
		return m, err
	}
	begun = time.Now()
	restarted, err := engineproc.Serve(bin, data)
	if err != nil {
		return m, err
	}
	running = restarted
	m.StartSeconds = time.Since(begun).Seconds()
	if m.Restarted, err = resident(ctx, running, 0); err != nil {
		return m, err
	}
	m.Reached = max(m.Made, m.Restarted) <= memoryTarget
	return m, running.Stop()
}

func (s *served) makeSessions(ctx context.Context, n int) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range connections {
		g.Go(func() error {
			for {
				i := next.Add(1)
				if i > int64(n) {
					return nil
				}
				if err := s.process.Query(ctx, resolveDocument, map[string]any{"input": s.key("ag", int(i))}, nil); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// resident is the process's resident set after it was left alone for a while:
// the runtime takes minutes to give back what it no longer needs.
func resident(ctx context.Context, p *engineproc.Process, idle time.Duration) (int64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(idle):
	}
	field := procField(fmt.Sprintf("/proc/%d/status", p.Pid()), "VmRSS")
	kib, err := strconv.ParseInt(strings.TrimSuffix(field, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("resident set of the engine: %w", err)
	}
	return kib << 10, nil
}

func (m memory) String() string {
	return fmt.Sprintf("memory, %d sessions, idle: %.0f MB after they were made (%.0f s), %.0f MB after a restart (%.2f s); target %.0f MB; reached: %s",
		m.Sessions, float64(m.Made)/1e6, m.MakeSeconds, float64(m.Restarted)/1e6, m.StartSeconds, float64(m.Target)/1e6, yes(&m.Reached))
}
