// Package engine is the vocabulary of Twinbox and its use cases: sessions,
// messages, replies, destinations, and what may be done with them. It knows
// no database, file or protocol on the wire; what it needs of those it names
// as small interfaces, which the packages below it implement.
package engine

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

// Registry is the central list of everything that is not in a session's folder.
type Registry interface {
	AgentGroups
	MessagingGroups
	Destinations
	Sessions
	HookRecords
	EventLog
	UnsettledReplies
	Webhooks
	WorkList
	RetentionList
	OperationList
}

// Mailboxes are the session folders.
type Mailboxes interface {
	Folders
	MessageWriter
	MessageReader
	ReplyReader
	Outboxes
	Containers
	Pulses
	SeriesKeeper
	MessageActor
	Files
	Archives
	NewsReader
	OperationMarks
}

// Config is what an Engine is made of. Registry and Mailboxes stay their
// owner's, who closes them after the Engine.
type Config struct {
	Registry  Registry
	Mailboxes Mailboxes
	// Hooks nil: there are none, and none can be installed.
	Hooks HookHost
	// Events has what happened in rooms that know no engine. Its owner closes
	// it after them; nil is a queue of the engine's own.
	Events *EventQueue
	// Sender pushes replies to webhooks; nil: replies are only pulled.
	Sender Sender
	// Actions are what agents can ask for besides those on their own tasks, by
	// name; see Action.
	Actions map[string]Action
	// SweepReplies is how often all sessions are looked at for replies; 0 is a
	// minute. Those that are watched are seen at once.
	SweepReplies time.Duration
	// Retention is what is cleared away, by itself every RetainEvery; 0 is an
	// hour. The zero policy keeps everything.
	Retention   RetentionPolicy
	RetainEvery time.Duration
	// Index is what Search answers from, its owner's as Registry is; nil: nothing
	// is found.
	Index MailIndex
	// Traces keeps what hooks did to messages and replies, its owner's as Registry
	// is; nil: nobody does.
	Traces HookTraces
	// Wakers start containers; nil: they are all started elsewhere.
	Wakers Wakers
	Limits Limits
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log takes what no caller is told; nil discards it.
	Log *slog.Logger
}

// Engine carries out the use cases. Its methods may be called concurrently.
// Errors are *Error where the caller can do something about them.
type Engine struct {
	registry  Registry
	mailboxes Mailboxes
	hooks     HookHost
	limits    Limits
	clock     func() time.Time
	log       *slog.Logger

	queue  *EventQueue
	events *eventFlow
	life   *lifecycle
	waking *waking
	replyFlow
	projector  *projector
	indexer    *indexer
	tracer     *tracer // nil where traces are not kept
	operator   *operator
	resolving  gates[SessionKey]
	gates      gates[string] // by session id
	accepting  gates[messageKey]
	retention  retention
	projecting gates[string] // by session id: what is read last is written last

	changingHooks chan struct{} // full while what is installed is changed

	mu      sync.RWMutex // guards closed; held for reading while a use case runs
	closed  bool
	cancel  context.CancelFunc
	stopped <-chan struct{} // closed by cancel
	workers sync.WaitGroup
	// ownEvents is nil where the queue is somebody else's.
	ownEvents *EventQueue
}

// New starts an engine on cfg. Sessions whose container may be running are
// recovered before it returns; others when they are next used.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	e := &Engine{registry: cfg.Registry, mailboxes: cfg.Mailboxes, hooks: cfg.Hooks, limits: cfg.Limits, clock: cfg.Now, log: cfg.Log,
		changingHooks: make(chan struct{}, 1)}
	if err := cfg.Retention.check(); err != nil {
		return nil, err
	}
	e.retention = retention{policy: cfg.Retention, every: cmp.Or(cfg.RetainEvery, retainEvery), running: make(chan struct{}, 1), after: map[SessionStatus]IdlePlace{}}
	wait := cmp.Or(cfg.Limits.QueueTime, DefaultLimits().QueueTime)
	e.resolving.wait, e.gates.wait, e.projecting.wait = wait, wait, wait
	e.accepting.wait = wait + cmp.Or(cfg.Limits.HookTime, DefaultLimits().HookTime)
	if e.clock == nil {
		e.clock = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.queue = cfg.Events; e.queue == nil {
		e.queue = NewEventQueue()
		e.ownEvents = e.queue
	}
	e.life = newLifecycle(e)
	e.waking = newWaking(e, cfg.Wakers)
	if err := e.recover(ctx); err != nil {
		return nil, err
	}
	if err := e.openHooks(ctx); err != nil {
		return nil, err
	}
	e.tracer = newTracer(e, cfg.Traces)
	e.mailboxes.OnOccurrence(e.prepareOccurrence) // hooks are loaded
	if err := e.openReplies(ctx, cfg); err != nil {
		return nil, err
	}
	var err error
	if e.events, err = startEvents(ctx, e); err != nil {
		return nil, err
	}
	if err = e.startReplies(ctx); err != nil {
		return nil, err
	}
	if e.indexer, err = newIndexer(ctx, e, cfg.Index); err != nil {
		return nil, err
	}
	e.operator = newOperator(e)
	ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.stopped = ctx.Done()
	e.projector = newProjector(e)
	e.workers.Go(func() { e.projector.run(ctx) })
	e.workers.Go(func() { e.life.run(ctx) })
	e.workers.Go(func() { e.waking.run(ctx) })
	e.workers.Go(func() { e.runRetention(ctx) })
	e.workers.Go(func() { e.operator.run(ctx) })
	if e.indexer != nil {
		e.workers.Go(func() { e.indexer.run(ctx) })
	}
	if e.tracer != nil {
		e.workers.Go(func() { e.tracer.run(ctx) })
	}
	e.adoptContainers(ctx)
	return e, nil
}

// Close ends the containers that it started, refuses new work with CodeUnavailable, waits for what was begun, and
// stops the engine's own goroutines. It may be called more than once.
func (e *Engine) Close() error {
	e.waking.close()
	e.mu.Lock() // waits for all that hold it for reading
	e.closed = true
	e.mu.Unlock()
	e.endReplies()
	e.cancel()
	e.workers.Wait()
	if e.ownEvents != nil {
		e.ownEvents.Close()
	}
	return nil
}

// begin holds off Close until done is called.
func (e *Engine) begin() (done func(), err error) {
	e.mu.RLock()
	if e.closed {
		e.mu.RUnlock()
		return nil, Errorf(CodeUnavailable, "the engine is shutting down; try again in a moment")
	}
	return e.mu.RUnlock, nil
}

func (e *Engine) now() time.Time { return e.clock().UTC().Truncate(time.Millisecond) }

// recover takes up what sessions have to do, and looks after those whose
// container may be running: it cannot start over on a mailbox that the
// engine's own crash left with a hot journal. One that cannot be recovered is
// reported and stops nothing.
func (e *Engine) recover(ctx context.Context) error {
	for after := ""; ; {
		work, err := e.registry.Work(ctx, after, MaxPage)
		if err != nil {
			return err
		}
		var wg sync.WaitGroup
		for _, w := range work {
			s := w.Session
			after = s.ID
			if s.ContainerStatus == ContainerStopped && w.Claim == nil {
				e.mailboxes.Expect(s)
				e.life.restore(w)
				continue
			}
			wg.Go(func() {
				if err := e.mailboxes.Recover(ctx, s); err != nil {
					e.log.Error("recover session after restart", "session", s.ID, "error", err)
				}
				e.life.restore(w)
			})
			if w.Claim != nil && w.Claim.Owner == wakerOwner {
				e.waking.left = append(e.waking.left, s)
			}
		}
		wg.Wait()
		if len(work) < MaxPage {
			return nil
		}
	}
}
