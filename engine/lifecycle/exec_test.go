package lifecycle_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/lifecycle"
)

var session = engine.Session{ID: "sess-1", AgentGroupID: "ag"}

// mustNew returns wakers that run a shell script for each session, and the
// session's folder.
func mustNew(t *testing.T, data, script string, change func(*lifecycle.Exec)) (w *lifecycle.Wakers, folder string, log *logged) {
	t.Helper()
	x := &lifecycle.Exec{Command: []string{"sh", "-c", script}}
	if change != nil {
		change(x)
	}
	log = &logged{}
	w, err := lifecycle.New(data, lifecycle.Config{AgentGroups: map[string]lifecycle.Group{"ag": {Exec: x, GraceSeconds: 1}}}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(data, filepath.FromSlash(session.Folder()))
	if err := os.MkdirAll(folder, 0o770); err != nil {
		t.Fatal(err)
	}
	return w, folder, log
}

type logged struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func mustStart(t *testing.T, w *lifecycle.Wakers) engine.Container {
	t.Helper()
	c, err := w.Start(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		<-c.Done()
	})
	return c
}

// mustFindNone has nothing of the session's container run.
func mustFindNone(t *testing.T, w *lifecycle.Wakers) {
	t.Helper()
	if c, err := w.Adopt(t.Context(), session); c != nil || err != nil {
		t.Fatalf("found %v, %v", c, err)
	}
}

// wait waits for a file and returns what is in it.
func wait(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && bytes.HasSuffix(text, []byte("\n")) {
			return string(text)
		}
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited for %s", path)
		}
	}
}

func alive(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(n) + "/stat")
	return syscall.Kill(n, 0) == nil && (err != nil || !strings.Contains(string(stat), ") Z "))
}

func TestACommandRunsInItsSessionsFolderWithItsLimitsAndNothingOfTheEngines(t *testing.T) {
	t.Setenv("ENGINE_TOKEN", "secret")
	w, folder, log := mustNew(t, t.TempDir(), `pwd; env; ulimit -n; ulimit -v; echo "to the log"; env > out.tmp; ulimit -n >> out.tmp; ulimit -v >> out.tmp; pwd >> out.tmp; mv out.tmp out; printf "last words"`,
		func(x *lifecycle.Exec) {
			x.Env, x.TimeZone, x.OpenFiles, x.MemoryBytes = map[string]string{"WORD": "a b'c"}, "Asia/Kolkata", 77, 1<<30
		})
	c := mustStart(t, w)
	<-c.Done()
	out := wait(t, filepath.Join(folder, "out"))
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"WORD=a b'c\n", "TZ=Asia/Kolkata\n", "TWINBOX_SESSION=sess-1\n", "TWINBOX_WORKSPACE=" + real + "\n", "\n77\n1048576\n" + real + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if strings.Contains(out, "ENGINE_TOKEN") {
		t.Error("the command was given the engine's token")
	}
	if !strings.Contains(log.String(), "to the log") || !strings.Contains(log.String(), "last words") {
		t.Errorf("what it printed is not in the log: %s", log)
	}
}

func TestStopEndsACommandAndAllThatItStarted(t *testing.T) {
	for name, script := range map[string]string{
		"one that obeys":      `sleep 1000 & echo $! > child; exec sleep 1000`,
		"one that does not":   `trap '' TERM; (trap '' TERM; sleep 1000; sleep 1000) & echo $! > child; while :; do sleep 1; done`,
		"one that left":       `sleep 1000 & echo $! > child.tmp; mv child.tmp child`,
		"one in a group away": `setsid sleep 1000 & echo $! > child.tmp; mv child.tmp child; exec sleep 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, folder, _ := mustNew(t, t.TempDir(), script, nil)
			c := mustStart(t, w)
			child := wait(t, filepath.Join(folder, "child"))
			c.Stop()
			<-c.Done()
			// It was killed, which the kernel carries out when it comes to it.
			for deadline := time.Now().Add(2 * time.Minute); alive(t, child); runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatal("a process of it still runs")
				}
			}
		})
	}
}

// Lesson 32.
func TestNoSecondCommandIsStartedWhileOneIsLeftFromAnEngineThatDied(t *testing.T) {
	data := t.TempDir()
	first, folder, _ := mustNew(t, data, `echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 1000`, nil)
	mustStart(t, first)
	pid := wait(t, filepath.Join(folder, "pid"))
	second, _, _ := mustNew(t, data, `true`, nil)
	if _, err := second.Start(t.Context(), session); err == nil {
		t.Fatal("a second one was started")
	}
	if !alive(t, pid) {
		t.Fatal("the first one was ended by an attempt to start a second one")
	}
	mustFindNone(t, second)
	if alive(t, pid) {
		t.Error("it still runs")
	}
	c := mustStart(t, second)
	<-c.Done()
	mustFindNone(t, second)
}

func TestACommandThatIsNotThereIsSaidSo(t *testing.T) {
	w, _, _ := mustNew(t, t.TempDir(), "", func(x *lifecycle.Exec) { x.Command = []string{"/no/such/program"} })
	if _, err := w.Start(t.Context(), session); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("got %v", err)
	}
}

func TestAConfigurationWithMistakesIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"agentGroup": {}}`:                   "agentGroup",
		`{"maxRunning": -1}`:                   "maxRunning",
		`{} {}`:                                "more behind",
		`{"agentGroups": {"../x": {}}}`:        "../x",
		`{"agentGroups": {"a": {"exec": {}}}}`: "command is empty",
		`{"agentGroups": {"a": {"exec": {"command": ["./x"]}}}}`:                                  "relative",
		`{"agentGroups": {"a": {"exec": {"command": ["x"], "timeZone": "Mars/Base"}}}}`:           "Mars/Base",
		`{"agentGroups": {"a": {"exec": {"command": ["x"], "env": {"A=B": "c"}}}}}`:               "A=B",
		`{"agentGroups": {"a": {"exec": {"command": ["x"], "memoryBytes": -1}}}}`:                 "negative",
		`{"agentGroups": {"a": {"idleSeconds": -1}}}`:                                             "idleSeconds",
		`{"agentGroups": {"a": {"exec": {"command": ["x"], "env": {"A": "` + "\\u0000" + `"}}}}}`: "NUL",
	} {
		if _, err := lifecycle.ReadConfig(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	c, err := lifecycle.ReadConfig(strings.NewReader(`{"maxRunning": 2, "agentGroups": {"*": {"exec": {"command": ["agent", "-x"], "env": {"A": "b"}}, "idleSeconds": 5}, "by-hand": {}}}`))
	if err != nil {
		t.Fatal(err)
	}
	w, err := lifecycle.New(t.TempDir(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !w.Wakes("any") || w.Wakes("by-hand") || w.IdleTime("any") != 5*time.Second || w.MaxRunning() != 2 {
		t.Errorf("read as %+v", c)
	}
}
