package tests_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
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
	for !strings.Contains(s.metrics(t), "twinbox_hook_instances{hook=\"endless\"} 1\n") {
		time.Sleep(time.Millisecond)
	}
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

// data is the engine's data directory.
func (s session) data() string {
	before, _, _ := strings.Cut(s.folder, "v2-sessions")
	return before
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
