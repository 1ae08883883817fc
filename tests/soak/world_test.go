package soak_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/tests/internal/engineproc"
	"github.com/twinbox/twinbox/tests/internal/program"
)

const (
	sessionCount = 200
	senders      = 8
	pullers      = 2
	// running is how many agents run at one time.
	running = 24
)

// Agent groups, by what their agents are.
const (
	groupLong    = "long"    // "engine agent", until it is stopped for idleness
	groupOnce    = "once"    // "engine agent --once"
	groupForeign = "foreign" // not ours, with another SQLite; it also asks the first one
)

// Channel types, by how replies leave.
const (
	channelPushed = "pushed"
	channelPulled = "pulled"
)

// world is all that takes part.
type world struct {
	t        *testing.T
	dir      string // of logs and locks
	data     string
	locks    string
	engines  *engines
	receiver *receiver
	puller   *puller
	sessions []*session
	ledger   *ledger
	fresh    size // of an engine before the load

	mu  sync.Mutex // guards log
	log *os.File
}

type session struct{ id, group, channel, folder string }

func newWorld(t *testing.T) *world {
	t.Helper()
	if !hooks.HasScripts() {
		t.Skip("QuickJS is missing: make takes it from npm")
	}
	dir, err := os.MkdirTemp("", "twinbox-soak-")
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs and data are kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	w := &world{t: t, dir: dir, data: filepath.Join(dir, "data"), locks: filepath.Join(dir, "locks"), ledger: &ledger{}, puller: newPuller(t)}
	must(t, os.MkdirAll(w.locks, 0o700))
	w.log = w.create("soak.log")
	engineLog := w.create("engine.log")
	w.receiver = newReceiver(t)
	w.engines = newEngines(t, engineproc.PlainBinary(t), w.data, engineLog, "--webhook-allow-private", "--wakers", w.wakers(),
		"--grace", "5m") // what an engine that ends in order was asked to do, it does, however busy the machine is
	w.makeSessions()
	w.note("%d sessions", len(w.sessions))
	w.installHooks() // by a binary that compiles them within its time
	w.engines.bin = engineproc.Binary(t)
	w.engines.replace(0)
	w.fresh, err = w.size()
	must(t, err)
	w.note("a new engine: %s", w.fresh)
	return w
}

func (w *world) create(name string) *os.File {
	f, err := os.Create(filepath.Join(w.dir, name))
	must(w.t, err)
	w.t.Cleanup(func() { _ = f.Close() })
	return f
}

// note adds a line to the log.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.log, "%s "+format+"\n", append([]any{time.Now().UTC().Format("15:04:05.000")}, args...)...)
}

// answers is what an "engine agent" runs for each message.
const answers = `in=$(cat)
case $in in
*"please fail"*) exit 3 ;;
*"please bring a file"*) echo note > "$TWINBOX_OUTBOX/note.txt" ;;
*"please take your time"*) sleep 2 ;;
esac
printf %s "$in"`

// wakers writes the configuration of the agents.
func (w *world) wakers() (path string) {
	foreign, err := program.Build("tests/foreign")
	must(w.t, err)
	group := func(command ...string) map[string]any {
		return map[string]any{"idleSeconds": 3, "graceSeconds": 2, "exec": map[string]any{
			"command": append([]string{foreign, "guard", ".", w.locks}, command...),
			"env":     map[string]string{"GORACE": "atexit_sleep_ms=0"}}}
	}
	engine := engineproc.PlainBinary(w.t)
	text, err := json.Marshal(map[string]any{"maxRunning": running, "agentGroups": map[string]any{
		groupLong:    group(engine, "agent", "--workspace", ".", "--", "sh", "-c", answers),
		groupOnce:    group(engine, "agent", "--workspace", ".", "--once", "--", "sh", "-c", answers),
		groupForeign: group(foreign, "work", ".", "--idle", "2s", "--ask", groupLong),
	}})
	must(w.t, err)
	path = filepath.Join(w.dir, "wakers.json")
	must(w.t, os.WriteFile(path, text, 0o600))
	return path
}

func (w *world) makeSessions() {
	groups, channels := []string{groupLong, groupOnce, groupForeign}, []string{channelPushed, channelPulled}
	for _, g := range groups {
		w.engines.mustQuery(`mutation($id: ID!) { createAgentGroup(input: {id: $id, name: "Agents"}) { userErrors { message } } }`, map[string]any{"id": g}, nil)
	}
	for _, pair := range [][2]string{{groupForeign, groupLong}, {groupLong, groupForeign}} {
		w.engines.mustQuery(`mutation($from: ID!, $to: ID!) { setDestination(input: {agentGroupId: $from, name: "peer", targetAgentGroupId: $to}) { userErrors { message } } }`,
			map[string]any{"from": pair[0], "to": pair[1]}, nil)
	}
	w.engines.mustQuery(`mutation($url: String!, $secret: String!) { setWebhook(input: {channelType: "pushed", url: $url, secret: $secret}) { userErrors { message } } }`,
		map[string]any{"url": w.receiver.server.URL, "secret": secret}, nil)
	chats := map[string]string{}
	for _, c := range channels {
		var out struct {
			EnsureMessagingGroup struct{ MessagingGroup struct{ ID string } }
		}
		w.engines.mustQuery(`mutation($c: String!) { ensureMessagingGroup(input: {channelType: $c, platformId: "room"}) { messagingGroup { id } } }`, map[string]any{"c": c}, &out)
		chats[c] = out.EnsureMessagingGroup.MessagingGroup.ID
	}
	for i := range sessionCount {
		s := &session{group: groups[i%len(groups)], channel: channels[i/len(groups)%len(channels)]}
		var out struct {
			ResolveSession struct{ Session struct{ ID, Folder string } }
		}
		w.engines.mustQuery(`mutation($g: ID!, $chat: ID!, $thread: String!) { resolveSession(input: {agentGroupId: $g, messagingGroupId: $chat, threadId: $thread, mode: PER_THREAD}) { session { id folder } } }`,
			map[string]any{"g": s.group, "chat": chats[s.channel], "thread": fmt.Sprint(i)}, &out)
		s.id, s.folder = out.ResolveSession.Session.ID, filepath.Join(w.data, filepath.FromSlash(out.ResolveSession.Session.Folder))
		w.sessions = append(w.sessions, s)
	}
}

// installHooks: one in Go changes messages; scripts refuse some, fail at some,
// which is skipped or is not, and change and refuse replies.
func (w *world) installHooks() {
	module := filepath.Join(w.dir, "redact.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", module, "github.com/twinbox/twinbox/wasm-hooks/examples/redact")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		w.t.Fatalf("build the hook in Go: %v\n%s", err, out)
	}
	redact, err := os.ReadFile(module)
	must(w.t, err)
	w.install("redact", redact, nil)
	w.install("gate", []byte(`export function onMessage(m) { if (m.content.text?.includes("please reject")) return reject("it was asked for") }`), nil)
	w.install("trips", []byte(`export function onMessage(m) { if (m.content.text?.includes("please trip")) { m.content.text = "gone"; throw new Error("it was asked for") } }`),
		map[string]any{"onFailure": "SKIP"})
	w.install("traps", []byte(`export function onMessage(m) { while (m.content.text?.includes("please trap")); }`), map[string]any{"limits": map[string]any{"fuel": 2_000_000}})
	w.install("replies", []byte(`export function onReply(r) {
  if (r.content.text?.includes("unspeakable")) return reject("nobody wants to hear it")
  r.content.seen = true
  return r
}`), nil)
}

func (w *world) install(name string, module []byte, more map[string]any) {
	w.t.Helper()
	input := map[string]any{"name": name, "module": base64.StdEncoding.EncodeToString(module)}
	for k, v := range more {
		input[k] = v
	}
	var out struct {
		InstallHook struct{ UserErrors []userError }
	}
	w.engines.mustQuery(`mutation($input: InstallHookInput!) { installHook(input: $input) { userErrors { code message } } }`, map[string]any{"input": input}, &out)
	if problems := out.InstallHook.UserErrors; len(problems) > 0 {
		w.t.Fatalf("install %s: %+v", name, problems)
	}
}

type userError struct{ Code, Message string }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
