package tests_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// follow waits until an event of a session is told, from the first event on.
func follow(t *testing.T, e *engineproc.Process, event, session string, times int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+"/events?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+e.Token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if line := lines.Text(); strings.Contains(line, event) && strings.Contains(line, session) {
			if times--; times == 0 {
				return
			}
		}
	}
	t.Fatalf("%s of %s was not told", event, session)
}

// claim asks for a session's container.
func (s session) claim(t *testing.T, owner string) bool {
	t.Helper()
	var out struct{ ClaimContainer struct{ Claimed bool } }
	s.engine.MustQuery(t, `mutation($s: ID!, $o: String!) { claimContainer(input: {sessionId: $s, owner: $o}) { claimed userErrors { message } } }`,
		map[string]any{"s": s.id, "o": owner}, &out)
	return out.ClaimContainer.Claimed
}

// Lesson 32, and what is due when nobody expects it.
func TestWhatIsDueAndWhoMayRunItOutliveAKill(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	data := strings.TrimSuffix(s.folder, "/v2-sessions/ag/"+s.id)
	s.write(t, "now", "hello")
	follow(t, s.engine, "SESSION_DUE", s.id, 1)
	if !s.claim(t, "first") {
		t.Fatal("not claimed")
	}
	s.write(t, "later", "hello", map[string]any{"processAfter": time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339)})
	if err := s.engine.Kill(); err != nil {
		t.Fatal(err)
	}
	s.engine = engineproc.Start(t, data)
	if s.claim(t, "second") {
		t.Fatal("two may run a container")
	}
	s.mark(t, "STOPPED")
	follow(t, s.engine, "SESSION_DUE", s.id, 1)
	if !s.claim(t, "second") {
		t.Fatal("what was given back cannot be claimed")
	}
}

func TestAMessageForLaterWakesAfterAKill(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	data := strings.TrimSuffix(s.folder, "/v2-sessions/ag/"+s.id)
	s.write(t, "later", "hello", map[string]any{"processAfter": time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339)})
	if err := s.engine.Kill(); err != nil {
		t.Fatal(err)
	}
	s.engine = engineproc.Start(t, data)
	follow(t, s.engine, "SESSION_DUE", s.id, 1)
}
