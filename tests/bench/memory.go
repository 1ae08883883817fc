package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
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
	// ActiveCPU is the share of one core that it took, when nothing happened,
	// with some of the sessions active, and Active what it kept then.
	Active    int64   `json:"active"`
	ActiveCPU float64 `json:"activeCPU"`
	// Made is after this process made them all over HTTP and fell idle,
	// Restarted after it was started again on them.
	Made         int64   `json:"made"`
	Restarted    int64   `json:"restarted"`
	Target       int64   `json:"target"`
	Reached      bool    `json:"reached"`
	StartSeconds float64 `json:"startSeconds"`
	MakeSeconds  float64 `json:"makeSeconds"`
}

const (
	memoryTarget    = 150e6
	activeSessions  = 100
	activeCPUTarget = 0.02
)

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
	if err := m.measureActive(ctx, s, min(idle, time.Minute)); err != nil {
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
	m.Reached = max(m.Made, m.Active, m.Restarted) <= memoryTarget && m.ActiveCPU <= activeCPUTarget
	return m, running.Stop()
}

// measureActive gives some sessions a message and a container that runs, and
// then does nothing for a while.
func (m *memory) measureActive(ctx context.Context, s *served, idle time.Duration) error {
	for i := range min(activeSessions, m.Sessions) {
		var out struct {
			ResolveSession struct{ Session struct{ ID string } }
		}
		if err := s.process.Query(ctx, resolveDocument, map[string]any{"input": s.key("ag", i+1)}, &out); err != nil {
			return err
		}
		id := out.ResolveSession.Session.ID
		t := s.writeTarget(id)
		if err := s.process.Query(ctx, t.document, t.variables, nil); err != nil {
			return err
		}
		if err := s.process.Query(ctx, `mutation($id: ID!) {
			markContainer(input: {sessionId: $id, status: RUNNING}) { userErrors { message } } }`, map[string]any{"id": id}, nil); err != nil {
			return err
		}
	}
	// What was done to it just now is not to be counted.
	if _, err := resident(ctx, s.process, idle/4); err != nil {
		return err
	}
	before, err := processorTime(s.process)
	if err != nil {
		return err
	}
	begun := time.Now()
	if m.Active, err = resident(ctx, s.process, idle); err != nil {
		return err
	}
	after, err := processorTime(s.process)
	m.ActiveCPU = (after - before).Seconds() / time.Since(begun).Seconds()
	return err
}

// processorTime is what the process took so far, of all cores.
func processorTime(p *engineproc.Process) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		return 0, fmt.Errorf("processor time of the engine: %w", err)
	}
	// Behind its name, which may hold spaces: ticks of a hundredth of a second.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of the engine: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
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
	return fmt.Sprintf("memory, %d sessions, idle: %.0f MB after they were made (%.0f s), %.0f MB and %.1f%% of one core with %d active, %.0f MB after a restart (%.2f s); "+
		"target %.0f MB and %.0f%%; reached: %s",
		m.Sessions, float64(m.Made)/1e6, m.MakeSeconds, float64(m.Active)/1e6, 100*m.ActiveCPU, min(activeSessions, m.Sessions),
		float64(m.Restarted)/1e6, m.StartSeconds, float64(m.Target)/1e6, 100*activeCPUTarget, yes(&m.Reached))
}
