package engine

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxQueued bounds the events that wait for the disk, of some 200 bytes each.
	maxQueued = 1 << 15
	// flushEvents in the queue do not wait for more.
	flushEvents = 1024
	// spareEvents bounds the memory that is kept for the next ones.
	spareEvents = 4096
)

// EventQueue has the events that are not on disk yet. Its methods may be
// called concurrently; Put of a nil one does nothing.
type EventQueue struct {
	wake     chan struct{}
	full     chan struct{} // told when there are flushEvents
	closed   chan struct{}
	closing  sync.Once
	flushing sync.WaitGroup // the engine's goroutine that empties it

	mu     sync.Mutex // guards what follows
	events []Event
	lost   bool  // there were more than maxQueued
	put    int64 // how many ever
}

// NewEventQueue returns an empty queue.
func NewEventQueue() *EventQueue {
	return &EventQueue{wake: make(chan struct{}, 1), full: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Close returns when all that was put is on disk, or cannot be put there. What
// is put later is lost. It may be called more than once.
func (q *EventQueue) Close() {
	q.closing.Do(func() { close(q.closed) })
	q.flushing.Wait()
}

// Put notes that something happened. It neither waits nor fails: where events
// come faster than the disk takes them, some are lost, and an
// EventResyncRequired says so.
func (q *EventQueue) Put(events ...Event) {
	if q == nil || len(events) == 0 {
		return
	}
	q.mu.Lock()
	q.put += int64(len(events))
	had := len(q.events)
	if had+len(events) <= maxQueued {
		q.events = append(q.events, events...)
	} else {
		q.lost = true
	}
	has := len(q.events)
	q.mu.Unlock()
	if had == 0 {
		tell(q.wake)
	}
	if had < flushEvents && has >= flushEvents {
		tell(q.full)
	}
}

// tell is for channels with a buffer of one.
func tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// total is how many events were ever put.
func (q *EventQueue) total() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.put
}

// take takes all that is in the queue, and leaves it the memory of spare.
// Events without a time get now. put is how many were ever put.
func (q *EventQueue) take(spare []Event, now func() time.Time) (events []Event, put int64) {
	if cap(spare) > spareEvents {
		spare = nil
	}
	clear(spare)
	q.mu.Lock()
	events, put = q.events, q.put
	lost := q.lost
	q.events, q.lost = spare[:0], false
	q.mu.Unlock()
	if lost {
		events = append(events, Event{Type: EventResyncRequired})
	}
	if len(events) > 0 {
		at := now()
		for i := range events {
			if events[i].At.IsZero() {
				events[i].At = at
			}
		}
	}
	return events, put
}

// giveBack puts events that could not be put on disk before those that came
// since.
func (q *EventQueue) giveBack(events []Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if over := len(events) + len(q.events) - maxQueued; over > 0 {
		q.lost = true
		q.events = q.events[:max(0, len(q.events)-over)]
	}
	q.events = slices.Insert(q.events, 0, events...)
}
