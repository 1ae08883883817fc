package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestConsolePrintsAnAddressThatSignsInOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	first := s.engine(t, "console")
	second := s.engine(t, "console", "-o", "json")
	var got struct {
		URL       string
		ExpiresAt time.Time
	}
	if err := json.Unmarshal([]byte(second.stdout), &got); err != nil || first.code != 0 || second.code != 0 {
		t.Fatalf("%+v, %+v: %v", first, second, err)
	}
	if left := time.Until(got.ExpiresAt); left <= 0 || left > 15*time.Minute {
		t.Errorf("it expires in %s", left)
	}
	signsInOnce(t, s.url, strings.TrimSuffix(first.stdout, "\n"))
	signsInOnce(t, s.url, got.URL)
	if r := s.engine(t, "console", "--url", "http://127.0.0.1:1"); r.code != 5 || r.stdout != "" {
		t.Errorf("without an engine: %+v", r)
	}
	wrong := s.command(t, "console")
	wrong.Env = append(wrong.Env, "ENGINE_TOKEN=another-token-0123456789")
	if r := run(t, wrong); r.code != 6 || r.stdout != "" {
		t.Errorf("with another token: %+v", r)
	}
}
