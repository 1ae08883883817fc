package cli_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// shout is a hook without a toolchain.
const shout = `
export function onMessage(message, config) {
	if (message.content.text === "drop me") return drop();
	if (message.content.text === "refuse me") return reject("not here");
	if (message.content.text === "fail") throw new Error("on purpose");
	console.log("called in " + message.kind);
	message.content.text = message.content.text.toUpperCase() + (config?.mark ?? "!");
	return message;
}
`

type hook struct {
	Name, OnFailure, Circuit string
	Enabled                  bool
	Points                   []string
	Order                    int
	Config                   object
	Problem                  *string
	Scope                    struct{ AgentGroupIDs, ChannelTypes, Kinds []string }
	Limits                   struct{ Fuel, MemoryBytes, LogBytes, Instances int64 }
	Stats                    struct{ Calls, Failures, Rejections int64 }
	Version                  struct{ SHA256 string }
	Versions                 []struct {
		SHA256 string
		Active bool
	}
}

// script writes a script of that text into a new folder.
func script(t *testing.T, name, text string) string {
	t.Helper()
	return mustWrite(t, filepath.Join(t.TempDir(), name), []byte(text))
}

// install installs a script, if the engine was built with what runs them.
func (s *server) install(t *testing.T, args ...string) hook {
	t.Helper()
	requireScripts(t)
	return must[hook](t, s, append([]string{"hook", "install"}, args...)...)
}

// requireScripts skips a test where npm did not bring QuickJS before the build.
func requireScripts(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", "..", "engine", "hooks", "quickjs", "quickjs.wasm")); err != nil {
		t.Skip("QuickJS is not built in: run make")
	}
}

// say writes a message and returns its text as it is stored.
func (s *server) say(t *testing.T, x session, text string) string {
	t.Helper()
	return must[message](t, s, "message", "write", x.ID, "--text", text).Content.Text
}

func TestAnInstalledScriptChangesDropsAndRefusesMessages(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	h := s.install(t, script(t, "shout.js", shout))
	if h.Name != "shout" || !h.Enabled || !slices.Equal(h.Points, []string{"ON_MESSAGE"}) || h.Problem != nil {
		t.Errorf("installed %+v", h)
	}
	if text := s.say(t, x, "hello"); text != "HELLO!" {
		t.Errorf("stored %q", text)
	}
	if r := s.engine(t, "message", "write", x.ID, "--text", "drop me"); r.code != 0 || r.stdout != "" || strings.TrimSpace(r.stderr) != "dropped" {
		t.Errorf("dropped: %+v", r)
	}
	r := s.engine(t, "message", "write", x.ID, "--text", "refuse me")
	if r.code != 7 {
		t.Errorf("refused: %+v", r)
	}
	mustContain(t, r.stderr, "not here", "(HOOK_REJECTED)")
	r = s.engine(t, "message", "write", x.ID, "--text", "fail")
	if r.code != 1 {
		t.Errorf("failed: %+v", r)
	}
	mustContain(t, r.stderr, "shout", "on purpose", "shout.js:5", "(HOOK_FAILED)")
	shown := must[hook](t, s, "hook", "show", "shout")
	if shown.Stats.Calls != 4 || shown.Stats.Failures != 1 || shown.Stats.Rejections != 1 {
		t.Errorf("counted %+v", shown.Stats)
	}
	mustContain(t, s.engine(t, "hook", "logs", "shout").stdout, "info  called in chat", "on purpose")
	if r := s.engine(t, "hook", "list"); !strings.Contains(r.stdout, "shout") {
		t.Errorf("list: %+v", r)
	}
}

func TestHookSettings(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	path := script(t, "shout.js", shout)
	config := mustWrite(t, filepath.Join(t.TempDir(), "config.json"), []byte(`{"mark":"?"}`))
	h := s.install(t, path, "--name", "loud", "--config", "@"+config, "--order", "5", "--on-failure", "skip", "--kind", "chat,task",
		"--fuel", "80M", "--memory", "64MiB", "--log-bytes", "0", "--instances", "2", "--disabled")
	if h.Name != "loud" || h.Enabled || h.Order != 5 || h.OnFailure != "SKIP" || h.Config["mark"] != "?" || !slices.Equal(h.Scope.Kinds, []string{"chat", "task"}) ||
		h.Limits.Fuel != 80_000_000 || h.Limits.MemoryBytes != 64<<20 || h.Limits.LogBytes != 0 || h.Limits.Instances != 2 {
		t.Errorf("installed %+v", h)
	}
	if text := s.say(t, x, "hello"); text != "hello" {
		t.Errorf("disabled, it made %q", text)
	}
	if h = must[hook](t, s, "hook", "enable", "loud"); !h.Enabled {
		t.Errorf("enabled %+v", h)
	}
	if text := s.say(t, x, "hello"); text != "HELLO?" {
		t.Errorf("stored %q", text)
	}
	if text := s.say(t, x, "fail"); text != "fail" {
		t.Errorf("with --on-failure skip it is %q", text)
	}
	h = must[hook](t, s, "hook", "update", "loud", "--config", "null", "--kind", "", "--agent-group", "nobody")
	if h.Config != nil || len(h.Scope.Kinds) != 0 || !slices.Equal(h.Scope.AgentGroupIDs, []string{"nobody"}) || h.Limits.Fuel != 80_000_000 {
		t.Errorf("updated %+v", h)
	}
	if text := s.say(t, x, "hello"); text != "hello" {
		t.Errorf("for another agent group, it made %q", text)
	}
	must[hook](t, s, "hook", "update", "loud", "--agent-group", "")
	if text := s.say(t, x, "hello"); text != "HELLO!" {
		t.Errorf("stored %q", text)
	}
	if h = must[hook](t, s, "hook", "disable", "loud"); h.Enabled {
		t.Errorf("disabled %+v", h)
	}
}

func TestHookVersions(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	first := s.install(t, script(t, "shout.js", shout))
	second := s.install(t, script(t, "shout.js", strings.Replace(shout, `"!"`, `"!!!"`, 1)))
	if shown := must[hook](t, s, "hook", "show", "shout"); len(shown.Versions) != 2 || !shown.Versions[0].Active || second.Version == first.Version {
		t.Fatalf("installed %+v", shown)
	}
	if r := s.engine(t, "hook", "show", "shout"); !strings.Contains(r.stdout, "\n"+second.Version.SHA256[:12]) || !strings.Contains(r.stdout, "\n"+first.Version.SHA256[:12]) {
		t.Errorf("shown: %+v", r)
	}
	if text := s.say(t, x, "hello"); text != "HELLO!!!" {
		t.Errorf("the second version made %q", text)
	}
	if h := must[hook](t, s, "hook", "rollback", "shout"); h.Version != first.Version {
		t.Errorf("rolled back to %+v", h.Version)
	}
	if text := s.say(t, x, "hello"); text != "HELLO!" {
		t.Errorf("the first version made %q", text)
	}
	if h := must[hook](t, s, "hook", "rollback", "shout", second.Version.SHA256[:12]); h.Version != second.Version {
		t.Errorf("rolled forward to %+v", h.Version)
	}
	if r := s.engine(t, "hook", "rollback", "shout", "nothex"); r.code != 3 {
		t.Errorf("an unknown version: %+v", r)
	}
	if r := s.engine(t, "hook", "rollback", "shout", ""); r.code != 2 {
		t.Errorf("a prefix of both: %+v", r)
	}
	if r := s.engine(t, "hook", "remove", "shout"); r.code != 0 || r.stdout != "" {
		t.Errorf("remove: %+v", r)
	}
	if r := s.engine(t, "hook", "show", "shout"); r.code != 3 {
		t.Errorf("removed, it is shown: %+v", r)
	}
}

func TestAHookThatIsWrongIsNotInstalledAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	h := s.install(t, script(t, "shout.js", shout))
	for name, text := range map[string]string{
		"a syntax error": "export function onMessage(message) {\n\treturn message +;\n}\n",
		"no point":       "export function onTuesday() {}\n",
		"throws":         "throw new Error('at once');\n",
	} {
		path := script(t, "shout.js", text)
		r := s.engine(t, "hook", "install", path)
		if r.code == 0 || r.stdout != "" {
			t.Errorf("%s: %+v", name, r)
		}
		mustContain(t, r.stderr, "shout.js")
	}
	if shown := must[hook](t, s, "hook", "show", "shout"); shown.Version != h.Version || len(shown.Versions) != 1 {
		t.Errorf("now it is %+v", shown)
	}
	if text := s.say(t, x, "hello"); text != "HELLO!" {
		t.Errorf("stored %q", text)
	}
}

func TestHookLogsFollow(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	s.install(t, script(t, "count.js", `let n = 0;
export function onMessage() { n++; console.log("call " + n); }`), "--instances", "1")
	for range 3 {
		s.say(t, x, "hello")
	}
	c := s.command(t, "hook", "logs", "count", "--follow", "--last", "2")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	expect := func(want string) {
		t.Helper()
		line, err := lines.ReadString('\n')
		if err != nil || !strings.HasSuffix(line, " info  "+want+"\n") {
			t.Fatalf("read %q, %v; want %q", line, err, want)
		}
	}
	expect("call 2")
	expect("call 3")
	s.say(t, x, "hello")
	expect("call 4")
	s.say(t, x, "hello")
	expect("call 5")
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("interrupted, it ended with %v", err)
	}
}

func TestHookDryRun(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	stored := must[message](t, s, "message", "write", x.ID, "--text", "stored")
	s.install(t, script(t, "shout.js", shout))
	s.install(t, script(t, "polite.js", `export function onMessage(m) { m.content.text += " Please."; return m; }`))
	type run struct {
		Result  string
		Content struct{ Text string }
		Steps   []struct {
			Hook, Action string
			Reason       *string
			Fuel         int64
			Log          []string
		}
	}
	own := must[run](t, s, "hook", "dry-run", "--content", `{"text":"hello"}`)
	if own.Result != "REPLACE" || own.Content.Text != "HELLO! Please." || len(own.Steps) != 2 || own.Steps[0].Hook != "shout" ||
		own.Steps[0].Fuel == 0 || !slices.Equal(own.Steps[0].Log, []string{"info: called in chat"}) {
		t.Errorf("the chain on %+v", own)
	}
	one := must[run](t, s, "hook", "dry-run", "polite", "--session", x.ID, "--message", stored.MessageID)
	if one.Content.Text != "stored Please." || len(one.Steps) != 1 {
		t.Errorf("one hook on a stored message: %+v", one)
	}
	if again := must[run](t, s, "hook", "dry-run", "polite", "--session", x.ID, "--message", stored.MessageID); again.Steps[0].Fuel != one.Steps[0].Fuel {
		t.Errorf("it cost %d, and then %d", one.Steps[0].Fuel, again.Steps[0].Fuel)
	}
	if shown := must[message](t, s, "message", "show", x.ID, stored.MessageID); shown.Content.Text != "stored" {
		t.Errorf("the dry run changed it to %+v", shown)
	}
	r := s.engine(t, "hook", "dry-run", "shout", "--content", `{"text":"refuse me"}`)
	if r.code != 0 {
		t.Errorf("refused: %+v", r)
	}
	mustContain(t, r.stdout, "REJECT", "not here")
}

func TestHookExitCodes(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	junk := mustWrite(t, filepath.Join(t.TempDir(), "junk.wasm"), []byte("\x00asm, or is it?"))
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"hook", 2, "needs a command"},
		{"hook instal x", 2, `did you mean "install"?`},
		{"hook new x", 2, "lang"},
		{"hook new --lang cobol x", 2, "cobol"},
		{"hook install", 2, "accepts 1 arg"},
		{"hook install no-such-file.js", 2, "no-such-file.js"},
		{"hook install junk.wasm --fuel much", 2, "--fuel"},
		{"hook install junk.wasm --config {", 2, "not JSON"},
		{"hook update x", 2, "nothing to change"},
		{"hook logs x --last 0", 2, "--last"},
		{"hook logs x -o yaml", 2, "yaml"},
		{"hook run no-such-file.js --content {}", 2, "no-such-file.js"},
		{"hook run " + junk + " --content {", 2, "not JSON"},
		{"hook run " + junk + " --point on_tuesday --content {}", 2, "on_tuesday"},
		{"hook bench " + junk + " --calls 0", 2, "--calls"},
		{"hook dry-run --message m --content {}", 2, "content"},
		{"hook show x", 3, `there is no hook "x"`},
		{"hook enable x", 3, `name: there is no hook "x"`},
		{"hook remove x", 3, `name: there is no hook "x"`},
		{"hook rollback x", 3, `name: there is no hook "x"`},
		{"hook logs x", 3, `there is no hook "x"`},
		{"hook list --url http://127.0.0.1:1", 5, "no engine answers"},
		{"hook install " + junk, 7, "module: "},
		{"hook run " + junk + " --content {}", 7, "junk"},
	} {
		r := s.engine(t, strings.Fields(c.args)...)
		if r.code != c.code || r.stdout != "" {
			t.Errorf("%s: %+v", c.args, r)
		}
		mustContain(t, r.stderr, c.says, "engine: ")
	}
}

func TestHookCompletion(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	s.install(t, script(t, "shout.js", shout))
	for args, want := range map[string]string{
		"hook ":                       "dry-run",
		"hook new --lang ":            "typescript",
		"hook install x --point ":     "on_attachment",
		"hook run x --point ":         "on_session",
		"hook update x --on-failure ": "skip",
		"hook show ":                  "shout",
		"hook list -o ":               "ndjson",
	} {
		r := run(t, s.command(t, append([]string{"__complete"}, strings.Split(args, " ")...)...))
		mustContain(t, r.stdout, want)
		if strings.Contains(r.stdout, "compile-module") {
			t.Errorf("%q offers what is not for people: %s", args, r.stdout)
		}
	}
}
