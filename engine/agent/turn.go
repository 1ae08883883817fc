package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// turn works on one message. done is false when there was nothing to do after
// all: someone else has the message, or it was cancelled.
func (a *agent) turn(work context.Context, r row, rows []row) (done bool, err error) {
	log := a.Log.With("message", r.id)
	m, along, found, err := a.load(r, rows)
	tooLarge := errors.Is(err, errTooLarge)
	if err != nil && !tooLarge {
		return false, err
	}
	if !found {
		return false, nil
	}
	box, err := a.newOutbox()
	if err != nil {
		return false, err
	}
	keep := false
	defer func() { box.close(a, keep) }()
	along, ok, err := a.claim(m, along)
	if err != nil || !ok {
		return false, err
	}
	if _, ok := r.due(); !ok {
		log.Warn("process_after is not a time; the message is due now", "process_after", *r.processAfter)
	}

	alive, dead := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer dead()
	wg.Go(func() { a.beat(alive) })

	began := time.Now()
	var answer *reply
	if tooLarge {
		err = errTooLarge
	} else {
		answer, err = a.answer(work, m, along, box)
	}
	status := completed
	if err != nil {
		if _, ok := errors.AsType[*fatal](err); ok {
			return false, err
		}
		status, answer = failed, nil
		log.Error("the message failed", "error", err)
	}
	sent, err := a.settle(work, m, along, status, answer)
	// Where nobody knows whether the reply was written, the next start does.
	keep = sent || err != nil
	if err != nil {
		return false, err
	}
	log.Info("done", "status", status, "replied", sent, "context", len(along), "took", time.Since(began))
	return true, nil
}

// answer runs the command and makes a reply of what it prints and leaves; nil
// when that is nothing.
func (a *agent) answer(work context.Context, m message, along []message, box *outbox) (*reply, error) {
	m.attachments = a.attachmentsOf(m)
	for i := range along {
		along[i].attachments = a.attachmentsOf(along[i])
	}
	stdin, err := a.input(m, along)
	if err != nil {
		return nil, fmt.Errorf("make the command's input: %w", err)
	}
	stdout, err := a.execute(work, stdin, a.environment(m, box.id, box.path(a)))
	if errors.Is(err, errTerminate) {
		return nil, &fatal{ErrCutShort}
	}
	if err != nil {
		return nil, err
	}
	files, err := box.collect(a)
	if err != nil {
		return nil, fmt.Errorf("collect the reply's files: %w", err)
	}
	content, err := contentOf(stdout, files)
	if err != nil || content == "" {
		return nil, err
	}
	return &reply{id: box.id, content: content}, nil
}

// settle records a turn's outcome. A finished turn is worth trying hard: a
// reader may hold its lock for long, and a full disk may get room again. In
// the end the claim is left for the next start.
func (a *agent) settle(work context.Context, m message, along []message, status string, r *reply) (sent bool, err error) {
	const tries = 7
	for i := range tries {
		if err = a.finish(m, along, status, r); err == nil {
			return r != nil, nil
		}
		if errors.Is(err, errSettled) {
			a.Log.Warn("the reply is dropped", "message", m.id, "error", err)
			return false, nil
		}
		if work.Err() != nil {
			break
		}
		a.Log.Warn("the outcome cannot be written yet", "message", m.id, "error", err)
		pause(work, 250*time.Millisecond<<i)
	}
	return false, &fatal{fmt.Errorf("write the outcome of message %s: %w", m.id, err)}
}
