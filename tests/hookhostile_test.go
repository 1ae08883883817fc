package tests_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/tests/internal/engineproc"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// hostile is a hook that is up to something, for messages of the kind "task".
type hostile struct {
	name   string
	module []byte
	// unread is of the error of the request that would install it; "" if it is
	// read.
	unread string
	// refused is of the error of its installation; "" if it is accepted.
	refused string
	// failure is of the error of a message; "" if the message is stored.
	failure string
	limits  map[string]any
	// file sends an attachment with the message; resolve asks for a session, and
	// reply has the agent write one, in place of the message.
	file, resolve, reply bool
}

// arena is one engine for all hostile hooks, with a hook that behaves.
type arena struct{ session }

func newArena(t *testing.T) arena {
	// What is resident shall be what is held.
	t.Setenv("GOGC", "20")
	t.Setenv("GOMEMLIMIT", "24MiB")
	a := arena{newSession(t)}
	a.installGood(t)
	return a
}

func (a arena) installGood(t *testing.T) {
	t.Helper()
	if e := a.tryInstall(t, "good", guest.Answering(`{"action":"replace","content":{"text":"good"}}`).Bytes(), map[string]any{"scope": map[string]any{"kinds": []string{"chat"}}}); len(e) > 0 {
		t.Fatal(e)
	}
}

func (s session) tryInstall(t *testing.T, name string, module []byte, more ...map[string]any) []userError {
	t.Helper()
	input := map[string]any{"name": name, "module": base64.StdEncoding.EncodeToString(module)}
	for _, m := range more {
		maps.Copy(input, m)
	}
	var out struct {
		InstallHook struct{ UserErrors []userError }
	}
	s.engine.MustQuery(t, `mutation($input: InstallHookInput!) { installHook(input: $input) { userErrors { code message field } } }`,
		map[string]any{"input": input}, &out)
	return out.InstallHook.UserErrors
}

func (s session) removeHook(t *testing.T, name string) {
	t.Helper()
	s.engine.MustQuery(t, `mutation($name: ID!) { removeHook(input: {name: $name}) { userErrors { message } } }`, map[string]any{"name": name}, nil)
}

// meet installs a hostile hook, has it called, and looks at what it did to
// the engine and to the other hook.
func (a arena) meet(t *testing.T, h hostile) {
	settings := map[string]any{"scope": map[string]any{"kinds": []string{"task"}}}
	if h.resolve || h.reply {
		settings = map[string]any{"scope": map[string]any{"channelTypes": []string{hostileChannel}}}
	}
	if h.limits != nil {
		settings["limits"] = h.limits
	}
	if h.unread != "" {
		a.refuseUnread(t, h)
	} else if errors := a.tryInstall(t, "bad", h.module, settings); h.refused != "" {
		if len(errors) != 1 || !strings.Contains(errors[0].Message, h.refused) || len(errors[0].Message) > 2000 {
			t.Errorf("installing it: %.2000v\nshould be refused with %s", errors, h.refused)
		}
		var out struct{ Hook *struct{ Name string } }
		a.engine.MustQuery(t, `{ hook(name: "bad") { name } }`, nil, &out)
		if out.Hook != nil {
			t.Error("it was refused, and is installed")
		}
	} else if len(errors) > 0 {
		t.Fatalf("installing it: %+v", errors)
	} else {
		a.provoke(t, h)
	}
	if got := a.stored(t, saying("hello")); got != `{"text":"good"}` {
		t.Errorf("the other hook's message is stored as %s", got)
	}
	if h.refused == "" && h.unread == "" {
		a.removeHook(t, "bad")
	}
}

// refuseUnread installs a hook by a request that is larger than any may be.
func (a arena) refuseUnread(t *testing.T, h hostile) {
	t.Helper()
	input := map[string]any{"name": "bad", "module": base64.StdEncoding.EncodeToString(h.module)}
	err := a.engine.Query(t.Context(), `mutation($input: InstallHookInput!) { installHook(input: $input) { userErrors { code } } }`, map[string]any{"input": input}, nil)
	if err == nil || !strings.Contains(err.Error(), `"LIMIT_EXCEEDED"`) || !strings.Contains(err.Error(), h.unread) || len(err.Error()) > 2000 {
		t.Errorf("installing it: %.2000v\nshould be LIMIT_EXCEEDED with %s", err, h.unread)
	}
}

func (a arena) provoke(t *testing.T, h hostile) {
	task := saying("hello")
	if h.file {
		task = saying("hello", attachment("a.txt", "text/plain", "a file"))
	}
	task["kind"] = "task"
	var w written
	switch {
	case h.resolve:
		w.UserErrors = a.resolveRefused(t)
	case h.reply:
		w.UserErrors = a.replyRefused(t)
	default:
		w = a.send(t, task)
	}
	if h.failure == "" {
		if w.Outcome != "WRITTEN" {
			t.Errorf("the answer is %+v; it should be written", w)
		}
		return
	}
	if len(w.UserErrors) != 1 || w.UserErrors[0].Code != "HOOK_FAILED" {
		t.Fatalf("the answer is %.2000v; it should be one failure", w)
	}
	message := w.UserErrors[0].Message
	if !strings.HasPrefix(message, `hook "bad" failed at on_`) || !strings.Contains(message, h.failure) || len(message) > 2000 {
		t.Errorf("the failure is %.2000s\nwithout %s", message, h.failure)
	}
	var out struct {
		Hook struct{ Stats struct{ LastError string } }
	}
	a.engine.MustQuery(t, `{ hook(name: "bad") { stats { lastError } } }`, nil, &out)
	if !strings.Contains(out.Hook.Stats.LastError, h.failure) {
		t.Errorf("its last error is %.2000s\nwithout %s", out.Hook.Stats.LastError, h.failure)
	}
}

// checkMemory waits until the engine holds within a tenth of what it did
// before.
func (a arena) checkMemory(t *testing.T, before int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		n := a.memory(t)
		if n <= before+before/10 {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("the engine holds %d bytes, and held %d before", n, before)
			return
		}
	}
}

// settled is the engine's memory when it has nothing to do.
func (a arena) settled(t *testing.T) int64 {
	t.Helper()
	samples := make([]int64, 51)
	for i := range samples {
		samples[i] = a.memory(t)
	}
	slices.Sort(samples)
	return samples[len(samples)/2]
}

// memory is what the engine holds: what is resident of its own, files left out,
// which are the kernel's to give back. The engine is asked for something first,
// so that it allocates, and collects what it let go of. The race detector never gives back
// what it keeps of each address that was ever used; under it the heap, the
// stacks and the hooks' memory count.
func (a arena) memory(t *testing.T) (bytes int64) {
	t.Helper()
	a.engine.MustQuery(t, `{ hooks { name } }`, nil, nil)
	metrics := a.metrics(t)
	if !engineproc.Race {
		return resident(t, a.engine.Pid(), "RssAnon")
	}
	for _, name := range []string{"go_memstats_heap_alloc_bytes", "go_memstats_stack_inuse_bytes", "twinbox_hook_memory_bytes"} {
		bytes += total(t, metrics, name)
	}
	return bytes
}

// total is the sum of a metric over all its labels.
func total(t *testing.T, metrics, name string) (sum int64) {
	t.Helper()
	values := regexp.MustCompile(`(?m)^`+name+`(?:\{.*\})? (\S+)$`).FindAllStringSubmatch(metrics, -1)
	if values == nil {
		t.Fatalf("no %s in the metrics", name)
	}
	for _, m := range values {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += int64(n)
	}
	return sum
}

// resident is a field of a process's status, in bytes.
func resident(t *testing.T, pid int, field string) int64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Skip(err)
	}
	m := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("%s", b)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// hostiles are all that try something, by kind.
func hostiles() [][]hostile {
	all := [][]hostile{hostileReactors(), hostileAttachments(), hostilePoints(), hostileCommands(), hostileModules()}
	if hooks.HasScripts() {
		all = append(all, hostileScripts())
	}
	return all
}

// TestHostileHooksHarmNobody: whatever a hook does costs its own call.
func TestHostileHooksHarmNobody(t *testing.T) {
	a := newArena(t)
	all := hostiles()
	// The first of each kind have the engine load what it keeps, and its heap
	// grow as large as the largest make it.
	for _, kind := range all {
		for _, h := range kind[:2] {
			a.meet(t, h)
		}
	}
	before := a.settled(t)
	for _, kind := range all {
		for _, h := range kind {
			t.Run(h.name, func(t *testing.T) {
				a.meet(t, h)
				a.checkMemory(t, before)
			})
		}
	}
}

// What replaces attachments is in memory until it is written.
func TestHooksReplaceNoMoreThanAMessageMayHold(t *testing.T) {
	s := newSession(t, "--max-attachment", "1KiB")
	head := `{"action":"replace","bytes":"replace"}`
	answer := string(binary.LittleEndian.AppendUint32(nil, uint32(len(head)))) + head + strings.Repeat("x", 1000)
	m := does("on_attachment", fmt.Sprintf("i64.const %d", guest.AnswerAt<<32|len(answer)))
	m.Data = map[int]string{guest.AnswerAt: answer}
	if e := s.tryInstall(t, "grow", m.Bytes()); len(e) > 0 {
		t.Fatal(e)
	}
	files := func(n int) (list []any) {
		for i := range n {
			list = append(list, attachment(fmt.Sprint(i), "text/plain", "small"))
		}
		return list
	}
	if e := s.refused(t, saying("five", files(5)...)); e.Code != "HOOK_FAILED" || !strings.Contains(e.Message, "1000 bytes, more than the 96 that") {
		t.Errorf("the error is %+v", e)
	}
	s.checkNothingWritten(t)
	s.stored(t, saying("four", files(4)...))
}

// The files of a batch's messages together are more than the engine may hold of
// what hooks made of them.
func TestWhatHooksPutIntoAttachmentsIsNotHeld(t *testing.T) {
	const file, messages, files = 4<<20 - 4096, 20, 4
	t.Setenv("GOGC", "20")
	t.Setenv("GOMEMLIMIT", "24MiB")
	a := arena{newSession(t, "--max-attachment", "4MiB")}
	head := `{"action":"replace","bytes":"replace"}`
	inflate := does("on_attachment", fmt.Sprintf("i64.const %d", guest.AnswerAt<<32|(4+len(head)+file)))
	inflate.Pages = 80
	inflate.Data = map[int]string{guest.AnswerAt: string(binary.LittleEndian.AppendUint32(nil, uint32(len(head)))) + head}
	look := does("on_attachment", "i64.const 0")
	look.Pages = 80
	for name, m := range map[string]guest.Module{"inflate": inflate, "look": look} {
		if e := a.tryInstall(t, name, m.Bytes()); len(e) > 0 {
			t.Fatal(e)
		}
	}
	var batch []any
	for range messages {
		var list []any
		for i := range files {
			list = append(list, attachment(fmt.Sprint(i), "text/plain", "s"))
		}
		in := saying("x", list...)
		in["sessionId"] = a.id
		batch = append(batch, in)
	}
	before, done := a.memory(t), make(chan int)
	go func() {
		var out struct{ WriteMessages struct{ Results []written } }
		err := a.engine.Query(t.Context(), `mutation($messages: [WriteMessageInput!]!) { writeMessages(input: {messages: $messages}) {
			results { outcome userErrors { code message } } userErrors { message } } }`, map[string]any{"messages": batch}, &out)
		if err != nil {
			t.Error(err)
		}
		n := 0
		for _, r := range out.WriteMessages.Results {
			if r.Outcome == "WRITTEN" {
				n++
			}
		}
		done <- n
	}()
	most, n := int64(0), -1
	for n < 0 {
		select {
		case n = <-done:
		default:
			most = max(most, a.memory(t)-before)
		}
	}
	if n != messages {
		t.Errorf("%d messages were written of %d", n, messages)
	}
	if limit := int64(messages * files * file / 3); most > limit {
		t.Errorf("the engine held %d MiB more, of files of %d MiB", most>>20, messages*files*file>>20)
	}
	stored, err := filepath.Glob(filepath.Join(a.folder, "inbox", "*", "*"))
	if err != nil || len(stored) != messages*files {
		t.Errorf("%d files are stored, %v", len(stored), err)
	}
	for _, path := range stored {
		if info, err := os.Stat(path); err != nil || info.Size() != file {
			t.Errorf("%v, %v; it was to have %d bytes", info, err, file)
		}
	}
}

const (
	pointType = "i32 i32->i64"
	endless   = "loop br 0 end "
)

func does(export, code string) guest.Module {
	signature := map[string]string{"hook_alloc": "i32->i32", "hook_done": "->", "_initialize": "->", "begin": "->"}[export]
	if signature == "" {
		signature = pointType
	}
	return guest.Reactor(guest.Function{Export: export, Signature: signature, Code: code})
}

func returns(pointer, length uint32) []byte {
	return does("on_message", fmt.Sprintf("i64.const %d", int64(uint64(pointer)<<32|uint64(length)))).Bytes()
}

func answers(text string) []byte { return guest.Answering(text).Bytes() }

var (
	logImport = guest.Import{Module: "engine", Name: "log", Signature: "i32 i32 i32->"}
	fdWrite   = guest.Import{Module: "wasi_snapshot_preview1", Name: "fd_write", Signature: "i32 i32 i32 i32->i32"}
	procExit  = guest.Import{Module: "wasi_snapshot_preview1", Name: "proc_exit", Signature: "i32->"}
	pollOne   = guest.Import{Module: "wasi_snapshot_preview1", Name: "poll_oneoff", Signature: "i32 i32 i32 i32->i32"}
	randomGet = guest.Import{Module: "wasi_snapshot_preview1", Name: "random_get", Signature: "i32 i32->i32"}
)

func hostileReactors() []hostile {
	flood := func(i guest.Import, call string) []byte {
		return does("on_message", "loop "+call+" br 0 end i64.const 0").Importing(i).Bytes()
	}
	recursion := guest.Reactor(
		guest.Function{Export: "on_message", Signature: pointType, Code: "local.get 0 local.get 1 call 3"},
		guest.Function{Export: "ping", Signature: pointType, Code: "local.get 0 local.get 1 call 4"},
		guest.Function{Export: "pong", Signature: pointType, Code: "local.get 0 local.get 1 call 3"})
	tree := guest.Reactor(guest.Function{Export: "on_message", Signature: pointType, Code: "call 3 i64.const 0"})
	for i := range 40 { // each calls the next twice, without a loop
		code := ""
		if i < 39 {
			code = strings.Repeat(fmt.Sprintf("call %d ", i+4), 2)
		}
		tree = tree.With(guest.Function{Export: fmt.Sprint("f", i), Signature: "->", Code: code})
	}
	return []hostile{
		{name: "memory to the limit", module: does("on_message", "loop i32.const 16 memory.grow i32.const -1 i32.ne br_if 0 end i64.const 0").Bytes(), limits: map[string]any{"memoryBytes": 32 << 20}},
		{name: "a length of 2³²−1", module: returns(16, 1<<32-1), failure: "a length of 4,294,967,295 bytes at 16, beyond its memory of 65,536"},
		{name: "the last address", module: returns(1<<32-1, 1<<32-1), failure: "beyond its memory"},
		{name: "a range across the end", module: returns(65530, 7), failure: "beyond its memory"},
		{name: "a pointer of zero", module: returns(0, 5), failure: "at 0, where no answer can be"},
		{name: "a length of zero", module: returns(16, 0), failure: "to pass, return 0"},
		{name: "its input as its answer", module: returns(16, 24), failure: "not JSON"},
		{name: "room beyond memory", module: does("hook_alloc", "i32.const -1").Bytes(), failure: "hook_alloc returned 4,294,967,295"},
		{name: "no room", module: does("hook_alloc", "i32.const 0").Bytes(), failure: "hook_alloc returned 0"},
		{name: "invalid UTF-8", module: answers("{\"action\":\"drop\",\"x\":\"\xff\"}"), failure: "not UTF-8"},
		{name: "no JSON", module: answers(`{'action':'drop'}`), failure: "not JSON: at byte 1"},
		{name: "deep JSON", module: answers(`{"action":"drop","x":` + strings.Repeat("[", 50_000)), failure: "deeper than 512"},
		{name: "an answer for another point", module: answers(`{"action":"remove"}`), failure: `the action "remove"; at this point there are`},
		{name: "labels for a message", module: answers(`{"action":"replace","labels":["x"]}`), failure: `without "content"`},
		{name: "an action twice", module: answers(`{"action":"drop","\u0061ction":"pass"}`), failure: `"action" twice`},
		{name: "a trap in hook_alloc", module: does("hook_alloc", "unreachable").Bytes(), failure: "hook_alloc trapped: unreachable"},
		{name: "a trap in hook_init", module: does("hook_init", "unreachable").Bytes(), refused: "hook_init trapped: unreachable"},
		{name: "a trap in hook_done", module: does("hook_done", "unreachable").Bytes(), failure: "hook_done trapped: unreachable"},
		{name: "an endless loop", module: does("on_message", endless+"i64.const 0").Bytes(), failure: "on_message ran out of fuel: it was given 40,000,000 units"},
		{name: "an endless hook_alloc", module: does("hook_alloc", endless+"i32.const 16").Bytes(), failure: "hook_alloc ran out of fuel"},
		{name: "an endless hook_init", module: does("hook_init", endless+"i64.const 0").Bytes(), refused: "hook_init ran out of fuel"},
		{name: "an endless _initialize", module: does("_initialize", endless).Bytes(), refused: "_initialize ran out of fuel"},
		{name: "mutual recursion", module: recursion.Bytes(), failure: "called deeper than the 8,192 frames"},
		{name: "a tree of calls", module: tree.Bytes(), failure: "on_message ran out of fuel"},
		{name: "fills of memory", module: does("on_message", "loop i32.const 0 i32.const 1 i32.const 65536 memory.fill br 0 end i64.const 0").Bytes(), failure: "ran out of fuel"},
		{name: "a flood of random bytes", module: flood(randomGet, "i32.const 0 i32.const 65535 call 0 drop"), failure: "ran out of fuel"},
		{name: "a flood of waits", module: flood(pollOne, "i32.const 0 i32.const 0 i32.const 1365 i32.const 0 call 0 drop"), failure: "ran out of fuel"},
		{name: "logs without end", module: flood(logImport, "i32.const 1 i32.const 0 i32.const 60000 call 0"), failure: "ran out of fuel"},
		{name: "a log beyond memory", module: flood(logImport, "i32.const 1 i32.const -16 i32.const 32 call 0"), failure: "engine.log was given 32 bytes at 4294967280"},
		{name: "an exit", module: flood(procExit, "i32.const 0 call 0"), failure: "on_message exited with code 0"},
	}
}

func hostileAttachments() []hostile {
	framed := func(json uint32, rest string) []byte {
		answer := string(binary.LittleEndian.AppendUint32(nil, json)) + rest
		m := does("on_attachment", fmt.Sprintf("i64.const %d", guest.AnswerAt<<32|len(answer)))
		m.Data = map[int]string{guest.AnswerAt: answer}
		return m.Bytes()
	}
	whole := func(json, rest string) []byte { return framed(uint32(len(json)), json+rest) }
	return []hostile{
		{name: "a frame that keeps all", module: whole(`{"action":"replace","bytes":"keep"}`, ""), file: true},
		{name: "a frame of 2³²−1", module: framed(1<<32-1, "{}"), file: true, failure: "a frame of 4,294,967,295 bytes of JSON, of which 2 are there"},
		{name: "a frame that is cut", module: does("on_attachment", fmt.Sprintf("i64.const %d", 16<<32|3)).Bytes(), file: true, failure: "which is no frame"},
		{name: "bytes with a removal", module: whole(`{"action":"remove"}`, "x"), file: true, failure: `the action "remove" and 1 bytes`},
		{name: "bytes that it keeps", module: whole(`{"action":"replace","bytes":"keep"}`, "x"), file: true, failure: `says "bytes":"keep"`},
		{name: "a drop of a file", module: whole(`{"action":"drop"}`, ""), file: true, failure: `the action "drop"`},
		{name: "a name of a megabyte", module: whole(`{"action":"replace","bytes":"keep","name":"`+strings.Repeat("x", 30_000)+`"}`, ""), file: true, failure: "its answer was refused: name has 30000 bytes"},
	}
}
