package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	closed := s.session(t)
	must[session](t, s, "session", "close", closed.ID)
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"sesion list", 2, `did you mean "session"?`},
		{"session", 2, "needs a command"},
		{"session shw", 2, `did you mean "show"?`},
		{"session show", 2, "Usage: engine session show SESSION"},
		{"session list --colour", 2, "unknown flag"},
		{"session list -o yaml", 2, "yaml"},
		{"session list --limit 0", 2, "at least one"},
		{"session list --limit 1 --all", 2, "limit"},
		{"session resolve", 2, "agent-group"},
		{"destination set a b", 2, "messaging-group"},
		{"message write x --text a --json {}", 2, "text"},
		{"message write x --json {", 2, "not JSON"},
		{"message write x --json [] --attach go.mod", 2, "object"},
		{"message write x", 2, "nothing to write"},
		{"message write x --attach no-such-file", 2, "no-such-file"},
		{"api", 2, "one document"},
		{"events -o json", 2, "ndjson"},
		{"events --follow=false", 2, "--after"},
		{"events --session sess-unknown", 3, "sess-unknown"},
		{"events --after nonsense", 7, "cursor"},
		{"events --type NEWS", 7, "NEWS"},
		{"api {a} --var x", 2, "NAME=TEXT"},
		{"session list --url ftp://x", 2, "not the URL"},
		{"serve --max-upload many", 2, "size"},
		{"serve --log-level loud", 2, "loud"},
		{"serve --folder-owner me", 2, "UID"},
		{"serve --dir-mode 999", 2, "mode"},
		{"serve --tls-cert x", 2, "tls-key"},
		{"session show sess-unknown", 3, `no session "sess-unknown"`},
		{"agent-group show unknown", 3, `no agentGroup "unknown"`},
		{"messaging-group show slack unknown", 3, "no such"},
		{"message list sess-unknown", 3, `no session "sess-unknown"`},
		{"reply show sess-unknown r1", 3, ""},
		{"session resolve --agent-group unknown", 3, "engine: agentGroupId: "},
		{"session close sess-unknown", 3, "sessionId: "},
		{"agent-group create A --id a", 4, "(CONFLICT)"},
		{"message write " + closed.ID + " --text x", 4, "(SESSION_CLOSED)"},
		{"session list --url http://127.0.0.1:1", 5, "no engine answers"},
		{"session list --data " + t.TempDir(), 6, "ENGINE_TOKEN"},
		{"agent-group create A --id ../a", 7, "id: "},
		{"session resolve --agent-group a --mode nonsense", 7, ""},
		{"message write " + closed.ID + " --text x --process-after tomorrow", 7, ""},
		{"session list --after nonsense", 7, ""},
	} {
		r := s.engine(t, strings.Fields(c.args)...)
		if r.code != c.code || r.stdout != "" {
			t.Errorf("%s: %+v", c.args, r)
		}
		mustContain(t, r.stderr, c.says, "engine: ")
	}
}

func TestTheExitCodesInTheManualAreThoseOfTheHelp(t *testing.T) {
	t.Parallel()
	manual := string(mustRead(t, filepath.Join("..", "..", "docs", "cli.md")))
	help := run(t, command(t, "--help")).stdout
	_, table, _ := strings.Cut(help, "Exit codes:\n")
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(table, "\n")
	if len(lines) < 9 {
		t.Fatalf("the help has no table:\n%s", help)
	}
	for _, line := range lines {
		code, says, _ := strings.Cut(strings.TrimSpace(line), "  ")
		mustContain(t, manual, "| "+code+" | "+says+" |")
	}
}

func TestCompletionForEveryShell(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := run(t, command(t, "completion", shell)); r.code != 0 || !strings.Contains(r.stdout, "engine") {
			t.Errorf("%s: %d %s", shell, r.code, r.stderr)
		}
	}
	for args, want := range map[string]string{
		"session ":                       "resolve",
		"session resolve --mode ":        "agent-shared",
		"session mark s ":                "stopped",
		"message list s -o ":             "ndjson",
		"message write s --missed-runs ": "skip",
	} {
		r := run(t, command(t, append([]string{"__complete"}, strings.Split(args, " ")...)...))
		mustContain(t, r.stdout, want)
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	version := run(t, command(t, "version"))
	flag := run(t, command(t, "--version"))
	if version.code != 0 || flag.code != 0 || !strings.HasPrefix(version.stdout, "engine ") {
		t.Errorf("%+v %+v", version, flag)
	}
	for _, args := range [][]string{{}, {"help"}, {"--help"}} {
		if r := run(t, command(t, args...)); r.code != 0 || !strings.Contains(r.stdout, "engine demo") || strings.Contains(r.stdout, "demo-agent") {
			t.Errorf("%q: %+v", args, r)
		}
	}
	if _, err := os.Stat("twinbox-data"); err == nil {
		t.Error("asking for help made a data directory")
	}
}
