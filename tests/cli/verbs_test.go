package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAgentGroupVerbs(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	made := must[object](t, s, "agent-group", "create", "Support", "--id", "support")
	if made["id"] != "support" || made["name"] != "Support" {
		t.Errorf("created %v", made)
	}
	must[object](t, s, "destination", "set", "support", "self", "--target-agent-group", "support")
	shown := must[object](t, s, "agent-group", "show", "support")
	if d := shown["destinations"].([]any); len(d) != 1 {
		t.Errorf("shows %v", shown)
	}
	if list := must[[]object](t, s, "agent-group", "list"); len(list) != 1 || list[0]["id"] != "support" {
		t.Errorf("lists %v", list)
	}
}

func TestMessagingGroupVerbs(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	made := must[object](t, s, "messaging-group", "ensure", "telegram", "--name", "Ops", "--", "-1001234")
	r := s.engine(t, "messaging-group", "ensure", "telegram", "--", "-1001234")
	if r.code != 0 || strings.TrimSpace(r.stderr) != "found" {
		t.Errorf("the second time: %+v", r)
	}
	for _, args := range [][]string{{made["id"].(string)}, {"telegram", "--", "-1001234"}} {
		if shown := must[object](t, s, append([]string{"messaging-group", "show"}, args...)...); shown["name"] != "Ops" {
			t.Errorf("show %q: %v", args, shown)
		}
	}
	must[object](t, s, "messaging-group", "ensure", "slack", "C1")
	if list := must[[]object](t, s, "messaging-group", "list", "--channel-type", "slack"); len(list) != 1 || list[0]["platformId"] != "C1" {
		t.Errorf("lists %v", list)
	}
}

func TestDestinationVerbs(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	must[object](t, s, "agent-group", "create", "B", "--id", "b")
	chat := must[object](t, s, "messaging-group", "ensure", "slack", "C1")
	set := must[object](t, s, "destination", "set", "a", "ops", "--messaging-group", chat["id"].(string), "--display-name", "Operations")
	if set["displayName"] != "Operations" || set["type"] != "CHANNEL" {
		t.Errorf("set %v", set)
	}
	must[object](t, s, "destination", "set", "a", "billing", "--target-agent-group", "b")
	list := must[[]object](t, s, "destination", "list", "a")
	if len(list) != 2 || list[0]["name"] != "billing" || list[1]["name"] != "ops" {
		t.Errorf("lists %v", list)
	}
	if r := s.engine(t, "destination", "remove", "a", "ops"); r.code != 0 || r.stdout != "" {
		t.Errorf("remove: %+v", r)
	}
	if r := s.engine(t, "destination", "remove", "a", "ops"); r.code != 3 {
		t.Errorf("remove again: %+v", r)
	}
}

func TestSessionVerbs(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	chat := must[object](t, s, "messaging-group", "ensure", "slack", "C1")["id"].(string)
	resolve := []string{"session", "resolve", "--agent-group", "a", "--messaging-group", chat, "--thread", "7", "--mode", "per-thread"}
	first := must[session](t, s, resolve...)
	if first.Mode != "PER_THREAD" || first.ThreadID != "7" || first.MessagingGroup.ID != chat || first.Status != "ACTIVE" {
		t.Errorf("resolved %+v", first)
	}
	if _, err := os.Stat(filepath.Join(s.workspace(first), "inbound.db")); err != nil {
		t.Error(err)
	}
	if again := must[session](t, s, resolve...); again.ID != first.ID {
		t.Errorf("resolved again to %s", again.ID)
	}
	other := must[session](t, s, "session", "resolve", "--agent-group", "a", "--mode", "AGENT_SHARED")

	if marked := must[session](t, s, "session", "mark", first.ID, "running"); marked.ContainerStatus != "RUNNING" {
		t.Errorf("marked %+v", marked)
	}
	if claimed := must[session](t, s, "session", "claim", other.ID, "--owner", "me", "--lease", "90s"); claimed.ID != other.ID {
		t.Errorf("claimed %+v", claimed)
	}
	if r := s.engine(t, "session", "claim", other.ID, "--owner", "you"); r.code != 4 || r.stdout != "" {
		t.Errorf("claimed by two: %d %s%s", r.code, r.stdout, r.stderr)
	}
	if list := must[[]session](t, s, "session", "list", "--container", "running,idle"); len(list) != 1 || list[0].ID != first.ID {
		t.Errorf("running ones: %+v", list)
	}
	projection := filepath.Join(s.workspace(first), ".nanoclaw-destinations.json")
	if err := os.Remove(projection); err != nil {
		t.Fatal(err)
	}
	must[session](t, s, "session", "project", first.ID)
	if _, err := os.Stat(projection); err != nil {
		t.Error(err)
	}
	if closed := must[session](t, s, "session", "close", other.ID); closed.Status != "CLOSED" {
		t.Errorf("closed %+v", closed)
	}
	if list := must[[]session](t, s, "session", "list", "--status", "closed", "--agent-group", "a"); len(list) != 1 || list[0].ID != other.ID {
		t.Errorf("closed ones: %+v", list)
	}
	if shown := must[session](t, s, "session", "show", first.ID); shown.ContainerStatus != "RUNNING" || shown.AgentGroup.ID != "a" {
		t.Errorf("shows %+v", shown)
	}
}

func TestAPISendsAnyDocument(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	const document = `query($id: ID!, $n: Int) { agentGroup(id: $id) { name } agentGroups(first: $n) { nodes { id } } }`
	file := mustWrite(t, filepath.Join(t.TempDir(), "q.graphql"), []byte(document))
	const want = `{"data":{"agentGroup":{"name":"A"},"agentGroups":{"nodes":[{"id":"a"}]}}}`
	for name, args := range map[string][]string{
		"argument":       {document, "--var", "id=a", "--var", "n:=5"},
		"file":           {"-f", file, "--var", "id=a"},
		"standard input": {"-f", "-", "--variables", `{"id":"a"}`},
	} {
		c := s.command(t, append([]string{"api", "-o", "ndjson"}, args...)...)
		c.Stdin = strings.NewReader(document)
		if r := run(t, c); r.code != 0 || strings.TrimSpace(r.stdout) != want {
			t.Errorf("%s: %+v", name, r)
		}
	}
	r := s.engine(t, "api", "{ nonsense }")
	if r.code != 7 {
		t.Errorf("a wrong document: %+v", r)
	}
	mustContain(t, r.stdout, `"errors"`)
	mustContain(t, r.stderr, "nonsense")
}

func TestWebhooksOfThisMachineAreAllowedByTheEnvironment(t *testing.T) {
	t.Parallel()
	for value, code := range map[string]int{"true": 0, "false": 7} {
		data := t.TempDir()
		c := command(t, "serve", "--data", data, "--listen", "127.0.0.1:0")
		c.Env = append(c.Env, "ENGINE_WEBHOOK_ALLOW_PRIVATE="+value)
		s := start(t, c, data)
		if r := s.engine(t, "webhook", "set", "telegram", "http://127.0.0.1:1/"); r.code != code {
			t.Errorf("%s: %+v", value, r)
		}
	}
}

func TestWebhookVerbs(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	made := must[object](t, s, "webhook", "set", "telegram", "https://bot.example/replies", "--secret", "0123456789abcdef")
	if made["channelType"] != "telegram" || made["enabled"] != true || made["secret"] != nil {
		t.Errorf("set %v", made)
	}
	file := filepath.Join(t.TempDir(), "secret")
	for secret, code := range map[string]int{"0123456789abcdef\n": 0, "short\n": 7, "\n": 2} {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := s.engine(t, "webhook", "set", "telegram", "https://bot.example/replies", "--secret-file", file); r.code != code {
			t.Errorf("a file with %q: %+v", secret, r)
		}
	}
	must[object](t, s, "webhook", "set", "telegram", "https://bot.example/other", "--disabled")
	if list := must[[]object](t, s, "webhook", "list"); len(list) != 1 || list[0]["url"] != "https://bot.example/other" || list[0]["enabled"] != false {
		t.Errorf("lists %v", list)
	}
	if r := s.engine(t, "webhook", "set", "telegram", "http://localhost:1/"); r.code == 0 || !strings.Contains(r.stderr, "--webhook-allow-private") {
		t.Errorf("a private address: %+v", r)
	}
	id := made["id"].(string)
	if r := s.engine(t, "webhook", "remove", id); r.code != 0 {
		t.Errorf("remove: %+v", r)
	}
	if r := s.engine(t, "webhook", "remove", id); r.code != 3 {
		t.Errorf("remove again: %+v", r)
	}
}
