package tests_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// A call cannot be stopped, and may have fuel for an hour: who stops the engine
// does not wait for it.
func TestACallWithoutEndDoesNotKeepTheEngineFromEnding(t *testing.T) {
	s := newSession(t, "--grace", "50ms")
	e := s.tryInstall(t, "endless", does("on_message", endless+"i64.const 0").Bytes(), map[string]any{"limits": map[string]any{"fuel": 1_000_000_000_000}})
	if len(e) > 0 {
		t.Fatal(e)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := s.tryWrite(t.Context(), "m1", map[string]any{"text": "hello"})
		answer <- err
	}()
	s.awaitMetric(t, `twinbox_hook_instances{hook="endless"} 1`)
	if err := s.engine.Stop(); err == nil {
		t.Error("the engine ended as if all was done")
	}
	if err := <-answer; err == nil {
		t.Error("the message was answered")
	}
	s.engine = engineproc.Start(t, s.data())
	s.removeHook(t, "endless")
	s.write(t, "m1", map[string]any{"text": "hello"})
}

// A client that goes away ends what it wanted: the hook that runs is the last,
// also where its failure may be skipped.
func TestNoHookRunsAndNothingIsWrittenForAClientThatHasGone(t *testing.T) {
	s := newSession(t)
	for _, h := range []struct {
		name   string
		module guest.Module
	}{
		{"slow", does("on_message", endless+"i64.const 0")},
		{"next", guest.Answering(`{"action":"replace","content":{"text":"seen"}}`)},
	} {
		e := s.tryInstall(t, h.name, h.module.Bytes(), map[string]any{"onFailure": "SKIP", "limits": map[string]any{"fuel": 4_000_000_000}})
		if len(e) > 0 {
			t.Fatal(e)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() {
		_, err := s.tryWrite(ctx, "m1", map[string]any{"text": "hello"})
		answer <- err
	}()
	s.awaitMetric(t, `twinbox_hook_instances{hook="slow"} 1`)
	leave()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("the client's error is %v", err)
	}
	s.awaitMetric(t, `twinbox_hook_calls_total{action="skipped",hook="slow",point="on_message"} 1`)
	if m := s.metrics(t); strings.Contains(m, `hook="next",point=`) {
		t.Errorf("the next hook was called:\n%s", m)
	}
	if err := s.engine.Stop(); err != nil { // when all is done that was begun
		t.Error(err)
	}
	s.checkNothingWritten(t)
}

// data is the engine's data directory.
func (s session) data() string {
	before, _, _ := strings.Cut(s.folder, "v2-sessions")
	return before
}

// awaitMetric waits for a line of the engine's metrics.
func (s session) awaitMetric(t *testing.T, line string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for !strings.Contains(s.metrics(t), line+"\n") {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the metrics never had %s", line)
		}
	}
}

func (s session) metrics(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.engine.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.engine.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
