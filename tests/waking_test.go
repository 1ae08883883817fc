package tests_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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

// startWaking serves data with a command for all agent groups, which notes its
// process id in its folder.
func startWaking(t *testing.T, data, script string) *engineproc.Process {
	t.Helper()
	config := filepath.Join(t.TempDir(), "wakers.json")
	text, err := json.Marshal(map[string]any{"agentGroups": map[string]any{"*": map[string]any{"graceSeconds": 2, "exec": map[string]any{
		"command": []string{"sh", "-c", "echo $$ >> pids; " + script, "agent", engineproc.Binary(t)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return engineproc.Start(t, data, "--wakers", config)
}

// agents returns the process ids of a session's agents, and which of them run.
func (s session) agents(t *testing.T) (all, running []int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.folder, "pids"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
		// Not one that nobody has waited for.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if syscall.Kill(pid, 0) == nil && (err != nil || !strings.Contains(string(stat), ") Z ")) {
			running = append(running, pid)
		}
	}
	return all, running
}

// answered waits until a message has one answer, and fails on more.
func (s session) answered(t *testing.T, id string) {
	t.Helper()
	until(t, "the answer to "+id, func() bool {
		var out struct {
			Message *struct{ Status string }
			Session struct {
				Replies struct{ Nodes []struct{ InReplyTo string } }
			}
		}
		s.engine.MustQuery(t, `query($s: ID!, $m: String!) { message(sessionId: $s, messageId: $m) { status } session(id: $s) { replies(last: 100) { nodes { inReplyTo } } } }`,
			map[string]any{"s": s.id, "m": id}, &out)
		n := 0
		for _, r := range out.Session.Replies.Nodes {
			if r.InReplyTo == id {
				n++
			}
		}
		if n > 1 {
			t.Fatalf("%s has %d answers", id, n)
		}
		return n == 1 && out.Message.Status == "COMPLETED"
	})
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited for %s", what)
		}
	}
}

func TestTheEngineWakesAgentsAndNeverTwoOfOneSession(t *testing.T) {
	t.Parallel()
	const agent = `exec "$1" agent --workspace . -- cat`
	s := newSession(t)
	data := strings.TrimSuffix(s.folder, "/v2-sessions/ag/"+s.id)
	if err := s.engine.Stop(); err != nil {
		t.Fatal(err)
	}
	s.engine = startWaking(t, data, agent)
	s.write(t, "m1", "hello")
	s.answered(t, "m1")
	if s.claim(t, "somebody") {
		t.Fatal("a container that the engine runs was given to somebody else")
	}

	// The agent dies, and its next message wakes another.
	all, running := s.agents(t)
	if len(all) != 1 || len(running) != 1 {
		t.Fatalf("agents %v, running %v", all, running)
	}
	if err := syscall.Kill(running[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.write(t, "m2", "hello again")
	s.answered(t, "m2")

	// The engine dies, and its agent does not.
	if err := s.engine.Kill(); err != nil {
		t.Fatal(err)
	}
	if all, running = s.agents(t); len(all) != 2 || len(running) != 1 {
		t.Fatalf("agents %v, running %v", all, running)
	}
	s.engine = startWaking(t, data, agent)
	s.write(t, "m3", "and again")
	s.answered(t, "m3")
	if _, running = s.agents(t); len(running) > 1 {
		t.Fatalf("%d agents run", len(running))
	}

	// It ends in order, and so does its agent.
	if err := s.engine.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, running = s.agents(t); len(running) != 0 {
		t.Fatalf("agents %v outlive the engine", running)
	}
}
