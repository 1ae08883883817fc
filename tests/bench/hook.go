package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

//go:embed testdata/rewrite.js
var rewriteScript []byte

// How often a hook is called in one round.
const (
	passes    = 100_000
	rewrites  = 3000
	megabytes = 100
)

// hookHost has hooks installed, each for an agent group of its own name. No
// call goes through two.
type hookHost struct {
	*hooks.Host
	records []engine.HookRecord
}

// openHookHost makes a host whose clock has moved on by an hour each time that
// it is looked at, so that no circuit keeps a hook that failed from failing
// again.
func openHookHost(dir string) (*hookHost, error) {
	var looks atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(looks.Add(1)) * time.Hour) }
	h, err := hooks.Open(dir, hooks.Options{Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return &hookHost{Host: h}, err
}

func (h *hookHost) install(ctx context.Context, name string, module []byte) error {
	v, err := h.Add(ctx, module)
	if err != nil {
		return fmt.Errorf("install the hook %s: %w", name, err)
	}
	v.Active = true
	r := engine.HookRecord{Name: name, Versions: []engine.HookVersion{v}, HookSettings: engine.HookSettings{
		Enabled: true, Points: v.Handles, OnFailure: engine.HookFail, Limits: engine.DefaultHookLimits(),
		Scope: engine.HookScope{AgentGroupIDs: []string{name}}}}
	if err := h.Probe(ctx, r); err != nil {
		return fmt.Errorf("try the hook %s: %w", name, err)
	}
	h.records = append(h.records, r)
	h.Use(h.records)
	return nil
}

func (h *hookHost) call(ctx context.Context, hook string, s engine.HookSubject, p engine.HookPoint, want engine.HookAction) error {
	action, err := h.Run(ctx, engine.HookCall{Point: p, Target: engine.HookTarget{AgentGroupID: hook, Kind: "chat"}, Subject: s})
	if err == nil && action != want {
		err = fmt.Errorf("the hook %s came to %s", hook, action)
	}
	return err
}

// chat is a message as it comes, of which the content has 101 bytes.
func chat() engine.HookSample {
	return engine.HookSample{
		Session: engine.HookSession{ID: "sess-01980f3e-7a52-7cc3-98c4-dc0c0c07398f", AgentGroupID: "ag", Mode: engine.ModePerThread, Labels: []string{}},
		Message: engine.HookMessage{ID: "msg-01980f3e-7a52-7cc3-98c4-dc0c0c07398f", Trigger: true, Content: json.RawMessage(chatText)},
	}
}

// chatInput is what a hook is given of chat.
func chatInput(ctx context.Context) ([]byte, error) {
	s, err := engine.NewHookSubject(engine.HookOnMessage, chat())
	if err != nil {
		return nil, err
	}
	return s.AppendInput(ctx, nil)
}

// pass measures calls of a hook that passes, with its input ready.
func (h *hookHost) pass(hook string) side {
	return func(ctx context.Context, _ int) (sample, error) {
		input, err := chatInput(ctx)
		if err != nil {
			return sample{}, err
		}
		var subject engine.HookSubject = ready(input)
		call := func() error { return h.call(ctx, hook, subject, engine.HookOnMessage, engine.HookPassed) }
		if err := call(); err != nil { // the first one makes the instance
			return sample{}, err
		}
		return measureBatches(passes/1000, 1000, call)
	}
}

// rewrite measures calls of a hook that parses a content, and answers with
// another. All of the way is in it: the input is made, the answer checked, the
// content taken over.
func (h *hookHost) rewrite(hook string) side {
	return func(ctx context.Context, _ int) (sample, error) {
		s, err := engine.NewHookSubject(engine.HookOnMessage, chat())
		if err != nil {
			return sample{}, err
		}
		return measure(1, rewrites, func(int, int) error {
			return h.call(ctx, hook, s, engine.HookOnMessage, engine.HookReplaced)
		})
	}
}

func (h *hookHost) megabyte(hook string) side {
	return func(ctx context.Context, _ int) (sample, error) {
		s, err := engine.NewHookSubject(engine.HookOnAttachment, engine.HookSample{
			Attachment: engine.HookAttachment{Name: "photo.bin"}, Bytes: bytes.Repeat([]byte{7}, 1<<20)})
		if err != nil {
			return sample{}, err
		}
		return measure(1, megabytes, func(int, int) error {
			return h.call(ctx, hook, s, engine.HookOnAttachment, engine.HookReplaced)
		})
	}
}

// ready is a subject whose input is there. No hook replaces it.
type ready []byte

func (r ready) InputBytes() int64 { return int64(len(r)) }

func (r ready) Release() {}

func (r ready) AppendInput(_ context.Context, b []byte) ([]byte, error) { return append(b, r...), nil }

func (ready) Replace(engine.HookAnswer) error { return fmt.Errorf("nothing here can be replaced") }

func (ready) Describe() json.RawMessage { return nil }
