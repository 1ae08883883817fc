// Package twinbox is a session engine for AI agents that run in containers.
// Each conversation is a session: a folder that is mounted into one agent's
// container, with one SQLite file that only the engine writes and one that
// only the container writes.
//
// This package opens a data directory and hands out its engine; package
// engine has the use cases, package graph serves them over HTTP.
package twinbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/delivery"
	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/engine/index"
	"github.com/twinbox/twinbox/engine/lifecycle"
	"github.com/twinbox/twinbox/engine/registry"
	"github.com/twinbox/twinbox/engine/sessions"
	"github.com/twinbox/twinbox/engine/traces"
)

// Options are for Open. The zero value is ready to use.
type Options struct {
	// Limits whose fields are zero take the value of engine.DefaultLimits.
	Limits engine.Limits
	// DirMode and FileMode are of what is made in session folders; 0 is 0770
	// and 0660. The container's user must be able to write there.
	DirMode, FileMode os.FileMode
	// UID and GID own what is made in session folders, where not nil.
	UID, GID *int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log takes what no caller is told; nil discards it.
	Log *slog.Logger
	// Metrics gets what operators watch, if not nil.
	Metrics prometheus.Registerer
	// HookCompiler is the command line of a process that calls
	// hooks.CompileMain: hooks are compiled there, with limits of time and
	// memory. Empty: in this process, without.
	HookCompiler []string
	// HookMemoryBytes bounds the memory of all hooks' instances together; 0 is
	// 1 GiB.
	HookMemoryBytes int64
	// Actions are what agents can ask for besides those on their own tasks, by
	// name; see engine.Action.
	Actions map[string]engine.Action
	// Wakers says which containers are started here. The zero value: none.
	Wakers lifecycle.Config
	// Retention is what is cleared away by itself, every RetainEvery; 0 is an
	// hour. The zero policy keeps everything.
	Retention   engine.RetentionPolicy
	RetainEvery time.Duration
	// WebhookAllowPrivate lets replies be pushed to private, loopback and
	// link-local addresses.
	WebhookAllowPrivate bool
	// PublicURL is where receivers of replies reach the engine, for the
	// addresses of files; "" leaves them relative to it.
	PublicURL string
}

// indexFile is what searches are answered from; it may be deleted while no
// engine runs.
const indexFile = "index.db"

// tracesFile is what hooks did to messages; it may be deleted as indexFile may.
const tracesFile = "traces.db"

// Host is an engine on a data directory.
type Host struct {
	*engine.Engine
	closing  sync.Once
	lock     *os.File
	registry *registry.Registry
	sessions *sessions.Store
	hooks    *hooks.Host
	webhooks *delivery.Webhooks
	wakers   *lifecycle.Wakers
	events   *engine.EventQueue
	index    *index.Index
	traces   *traces.Traces
}

// Open opens a data directory, and makes it if need be. One process at a time
// can have it open: for a second one, the error wraps ErrLocked and says who
// holds it. The caller closes the host.
func Open(ctx context.Context, dataDir string, o Options) (*Host, error) {
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	o.Limits = o.Limits.OrDefaults()
	h := &Host{events: engine.NewEventQueue()}
	if err := h.open(ctx, dataDir, o); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *Host) open(ctx context.Context, dataDir string, o Options) (err error) {
	if h.lock, err = lock(dataDir); err != nil {
		return err
	}
	if h.registry, err = registry.Open(ctx, filepath.Join(dataDir, "engine.db"), registry.Options{Log: o.Log}); err != nil {
		return err
	}
	h.sessions, err = sessions.Open(dataDir, sessions.Options{Limits: o.Limits, DirMode: o.DirMode, FileMode: o.FileMode,
		UID: o.UID, GID: o.GID, Now: o.Now, Log: o.Log, Metrics: o.Metrics, Events: h.events})
	if err != nil {
		return err
	}
	h.hooks, err = hooks.Open(filepath.Join(dataDir, "hooks"), hooks.Options{Now: o.Now, Log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), Metrics: o.Metrics,
		Compiler: o.HookCompiler, MemoryBytes: o.HookMemoryBytes, QueueTime: o.Limits.QueueTime, Events: h.events})
	if err != nil {
		return err
	}
	h.webhooks = delivery.New(delivery.Options{AllowPrivate: o.WebhookAllowPrivate, BaseURL: o.PublicURL, Now: o.Now})
	if h.wakers, err = lifecycle.New(dataDir, o.Wakers, o.Log); err != nil {
		return err
	}
	if h.index, err = index.Open(ctx, filepath.Join(dataDir, indexFile), o.Log); err != nil {
		return err
	}
	if h.traces, err = traces.Open(ctx, filepath.Join(dataDir, tracesFile), traces.Options{Log: o.Log}); err != nil {
		return err
	}
	h.Engine, err = engine.New(ctx, engine.Config{Registry: h.registry, Mailboxes: h.sessions, Index: h.index, Traces: h.traces, Hooks: h.hooks, Sender: h.webhooks, Events: h.events, Actions: o.Actions, Wakers: h.wakers, Limits: o.Limits, Retention: o.Retention, RetainEvery: o.RetainEvery, Now: o.Now, Log: o.Log})
	if err != nil || o.Metrics == nil {
		return err
	}
	if err := o.Metrics.Register(delivery.NewMetrics(h.Engine, o.Now, o.Log)); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	lost := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "twinbox_hook_traces_lost_total", Help: "Messages and replies of which it was not kept what hooks did, since too many waited to be stored."},
		func() float64 { return float64(h.LostTraces()) })
	if err := o.Metrics.Register(lost); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return h.wakers.Register(o.Metrics, h.WakerLoads)
}

// SetWakers has another configuration for the containers that are started from
// now on; what runs goes on. One with mistakes is refused and changes nothing.
func (h *Host) SetWakers(c lifecycle.Config) error {
	if err := h.wakers.Reload(c); err != nil {
		return err
	}
	h.WakersChanged()
	return nil
}

// StopTime is how long Close may wait for containers to end.
func (h *Host) StopTime() time.Duration { return h.wakers.StopTime() }

// Close finishes what was begun and releases the data directory. A second
// call does nothing.
func (h *Host) Close() (err error) {
	h.closing.Do(func() { err = h.close() })
	return err
}

func (h *Host) close() error {
	var errs []error
	if h.Engine != nil {
		errs = append(errs, h.Engine.Close())
	}
	if h.webhooks != nil {
		h.webhooks.Close()
	}
	if h.hooks != nil {
		errs = append(errs, h.hooks.Close())
	}
	if h.sessions != nil {
		errs = append(errs, h.sessions.Close())
	}
	if h.index != nil {
		errs = append(errs, h.index.Close())
	}
	if h.traces != nil {
		errs = append(errs, h.traces.Close())
	}
	h.events.Close()
	if h.registry != nil {
		errs = append(errs, h.registry.Close())
	}
	if h.lock != nil {
		errs = append(errs, h.lock.Close())
	}
	return errors.Join(errs...)
}
