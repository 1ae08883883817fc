package tests_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// crashWorld is callers on sessions, on an engine that is killed.
type crashWorld struct {
	*supervisor
	folders map[string]string // by session id
	callers []*caller
}

func newCrashWorld(t *testing.T, data string, sessions, callersEach int, size func(int) int, uploads func(int) bool) *crashWorld {
	t.Helper()
	w := &crashWorld{supervisor: supervise(t, data), folders: map[string]string{}}
	e := w.current()
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	for i := range sessions {
		id, folder, err := resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
		w.folders[id] = filepath.Join(w.data, folder)
		for j := range callersEach {
			w.callers = append(w.callers, &caller{name: fmt.Sprintf("s%dc%d", i, j), session: id, size: size, upload: uploads})
		}
	}
	return w
}

// run has all callers write while the engine is crashed, and then finish.
func (w *crashWorld) run(crashes int, crash func(), more ...func()) {
	w.t.Helper()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer w.set(func() { w.done = true })
	for _, c := range w.callers {
		wg.Go(func() { c.run(w.supervisor) })
	}
	for _, m := range more {
		wg.Go(m)
	}
	for range crashes {
		crash()
	}
}

func (w *crashWorld) check() {
	w.t.Helper()
	kept := map[string][]sent{}
	total := 0
	for _, c := range w.callers {
		kept[c.session] = append(kept[c.session], c.sent...)
		total += len(c.sent)
	}
	for id, folder := range w.folders {
		checkKept(w.t, folder, kept[id], nil)
	}
	w.t.Logf("%d messages acknowledged", total)
}

// mixed gives every third message an attachment.
func mixed(n int) int {
	if n%3 != 0 {
		return -1
	}
	return rand.IntN(64 << 10)
}

func everySecond(n int) bool { return n%2 == 0 }

func TestKillsLoseNothingThatWasAcknowledged(t *testing.T) {
	w := newCrashWorld(t, t.TempDir(), 4, 3, mixed, everySecond)
	threads := &resolver{}
	w.run(kills(t, 20), func() { w.kill(rand.IntN(60)) }, func() { threads.run(w.supervisor) }, func() { changeDestinations(w.supervisor) })
	e := w.current()
	threads.check(t, e)
	w.stop()
	w.check()
	// A kill may leave the folder of a session that nobody was told of, and
	// uploads that nobody attached; nothing else, and nothing that cannot be
	// tidied.
	findings, code := doctor(t, w.data, "--repair")
	if code != healthy {
		t.Errorf("the doctor finds %+v", unrepaired(findings))
	}
	for _, f := range findings {
		// What the destinations are may be told to the folders after a restart.
		if f.Session != "" && !strings.Contains(f.Problem, "not what the registry says") {
			t.Errorf("a session was not tidied: %+v", f)
		}
	}
}

func TestKillsAmidLargeAttachmentsLeaveNothingHalfWritten(t *testing.T) {
	w := newCrashWorld(t, t.TempDir(), 2, 2, func(int) int { return 1 << 20 }, nil)
	w.run(kills(t, 20), func() { w.kill(rand.IntN(3)) })
	w.stop()
	w.check()
	if f, code := doctor(t, w.data); code != healthy || len(f) > 0 {
		t.Errorf("the doctor finds %+v", unrepaired(f))
	}
}

// A container cannot read past the engine's journal, and may be running.
func TestHotJournalOfTheEngineIsGoneOnceItRunsAgain(t *testing.T) {
	s := newSession(t)
	s.write(t, "m1", "first")
	s.mark(t, "RUNNING")
	must(t, s.engine.Stop())
	foreign.KillMidWrite(t, s.folder, "inbound")
	if _, err := os.Stat(s.path("inbound.db-journal")); err != nil {
		t.Fatal(err)
	}
	engineproc.Start(t, s.dataOf())
	if _, err := os.Stat(s.path("inbound.db-journal")); !os.IsNotExist(err) {
		t.Errorf("the journal is still there: %v", err)
	}
	if due := foreign.Poll(t, s.folder); len(due) != 1 || due[0].ID != "m1" {
		t.Errorf("the container finds %+v", due)
	}
}

// What is answered at a stop is kept, and what is kept was answered.
func TestStopAmidWritesKeepsWhatItAnswersAndExitsInOrder(t *testing.T) {
	w := newCrashWorld(t, t.TempDir(), 4, 4, mixed, everySecond)
	w.run(1, func() {
		w.crash(100, (*engineproc.Process).Stop) // an exit code other than 0 fails it
		w.set(func() { w.ended = true })
	})
	w.check()
	if f, code := doctor(t, w.data); code != healthy || len(f) > 0 {
		t.Errorf("the doctor finds %+v", unrepaired(f))
	}
}

// changeDestinations has the engine write all folders of the agent group.
func changeDestinations(s *supervisor) {
	for n := 0; !s.finished(); n++ {
		ok := s.call("set a destination", func(e *engineproc.Process) error {
			return e.Query(background(), `mutation($name: String!) {
				setDestination(input: {agentGroupId: "ag", name: $name, targetAgentGroupId: "ag"}) { destination { name } } }`,
				map[string]any{"name": fmt.Sprint("d", n%10)}, nil)
		})
		if !ok {
			return
		}
	}
}

// resolver makes sessions, each until it is told which.
type resolver struct {
	chat string
	ids  map[string]string // by thread
}

func (r *resolver) run(s *supervisor) {
	r.ids = map[string]string{}
	if !s.call("make a chat", func(e *engineproc.Process) (err error) { r.chat, err = chat(e, "threads"); return err }) {
		return
	}
	for n := 0; !s.finished(); n++ {
		thread := fmt.Sprint(n)
		var id string
		if !s.call("resolve "+thread, func(e *engineproc.Process) (err error) { id, _, err = resolve(e, r.chat, thread); return err }) {
			return
		}
		r.ids[thread] = id
	}
}

// check expects each thread's session to be the one that was told.
func (r *resolver) check(t *testing.T, e *engineproc.Process) {
	t.Helper()
	seen := map[string]bool{}
	for thread, id := range r.ids {
		again, _, err := resolve(e, r.chat, thread)
		if err != nil || again != id || seen[id] {
			t.Errorf("thread %s was %s, is %s: %v", thread, id, again, err)
		}
		seen[id] = true
	}
	t.Logf("%d sessions resolved", len(r.ids))
}
