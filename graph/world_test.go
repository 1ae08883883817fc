package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph"
)

const token = "the-token-of-this-test"

// world is a real engine with something in it, served over HTTP.
type world struct {
	*twinbox.Host
	dir     string
	server  *httptest.Server
	handler *graph.Handler
	log     *logBuffer
	// names are placeholders for ids that the engine makes.
	names map[string]string
	days  atomic.Int64 // that have passed
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// mustWorld makes a world in which it is noon until days is set. Its limits are small, so
// that fixtures can be.
func mustWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), log: &logBuffer{}, names: map[string]string{}}
	w.start(t)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// start opens the world's engine, and serves it.
func (w *world) start(t *testing.T) {
	t.Helper()
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	w.Host, err = twinbox.Open(t.Context(), w.dir, twinbox.Options{Log: log, Now: func() time.Time { return noon.AddDate(0, 0, int(w.days.Load())) },
		Limits: engine.Limits{ContentBytes: 2048, AttachmentBytes: 64}})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(t, 0)
}

// serve serves the world, from here on with at most so many streams.
func (w *world) serve(t *testing.T, streams int) {
	t.Helper()
	var err error
	w.handler, err = graph.NewHandler(w.Engine, graph.Config{Token: token, Streams: streams, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	server, handler := httptest.NewServer(w.handler), w.handler
	w.server = server
	t.Cleanup(func() {
		handler.Close()
		server.Close()
	})
}

// populate fills the world; $NAME in a fixture stands for a session of it.
func (w *world) populate(t *testing.T) {
	ctx := t.Context()
	text := func(s string) *string { return &s }
	for _, g := range []engine.CreateAgentGroupInput{{ID: text("support"), Name: "Support"}, {ID: text("ops"), Name: "Operations"}} {
		must(t)(w.CreateAgentGroup(ctx, g))
	}
	for _, g := range []engine.EnsureMessagingGroupInput{
		{ID: text("team"), ChannelType: "telegram", PlatformID: "42", Name: text("Team")},
		{ID: text("side"), ChannelType: "slack", PlatformID: "C1"},
	} {
		if _, _, err := w.EnsureMessagingGroup(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	must(t)(w.SetDestination(ctx, engine.SetDestinationInput{AgentGroupID: "support", Name: "team", MessagingGroupID: text("team")}))
	must(t)(w.SetDestination(ctx, engine.SetDestinationInput{AgentGroupID: "support", Name: "side", DisplayName: text("Side channel"), MessagingGroupID: text("side")}))
	must(t)(w.SetDestination(ctx, engine.SetDestinationInput{AgentGroupID: "support", Name: "colleagues", TargetAgentGroupID: text("ops")}))

	s := w.mustSession(t, "SESSION", engine.ResolveSessionInput{AgentGroupID: "support", MessagingGroupID: text("team")})
	w.mustSession(t, "THREAD", engine.ResolveSessionInput{AgentGroupID: "support", MessagingGroupID: text("team"), ThreadID: text("t1"), Mode: engine.ModePerThread})
	closed := w.mustSession(t, "CLOSED", engine.ResolveSessionInput{AgentGroupID: "ops"})
	must(t)(w.CloseSession(ctx, closed.ID))
	broken := w.mustSession(t, "BROKEN", engine.ResolveSessionInput{AgentGroupID: "ops", Mode: engine.ModeAgentShared})

	later := time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC)
	for _, in := range []engine.WriteMessageInput{
		{MessageID: text("m1"), Trigger: true, Content: map[string]any{"text": "<hello>", "attachments": []any{
			map[string]any{"name": "Q3 Bericht.txt", "mimeType": "text/plain", "data": "aGVsbG8="}}}},
		{MessageID: text("m2"), Kind: "task", Content: map[string]any{"prompt": "report"}, ProcessAfter: &later,
			Recurrence: text("0 9 * * *"), TimeZone: text("Europe/Berlin"), PlatformID: engine.Some[*string](nil)},
		{MessageID: text("a/b"), Content: "just text", OnWake: true},
	} {
		in.SessionID = s.ID
		if _, _, err := w.WriteMessage(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	w.reply(t, s)
	for noted := false; !noted; { // the test's own time bounds it
		l, err := w.UnsettledReplies(ctx, engine.Page{Limit: 1}, engine.UnsettledRepliesFilter{})
		if err != nil {
			t.Fatal(err)
		}
		noted = len(l.Items) == 1
	}
	for _, name := range []string{"inbound.db", "outbound.db"} {
		if err := os.WriteFile(filepath.Join(w.dir, broken.Folder(), name), bytes.Repeat([]byte("garbage"), 1000), 0o660); err != nil {
			t.Fatal(err)
		}
	}
}

// waitIndexed returns when all that was told can be found.
func (w *world) waitIndexed(t *testing.T) {
	t.Helper()
	eventually(func() bool {
		found, err := w.Search(t.Context(), engine.Page{Limit: 1}, engine.SearchFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return found.Index.Behind == 0 && !found.Index.Building
	})
}

// operate has an operation done in the world, called "hold".
func (w *world) operate(t *testing.T) {
	t.Helper()
	id, f := "hold", engine.SearchFilter{ID: "a/b"}
	must(t)(w.StartOperation(t.Context(), engine.StartOperationInput{ID: &id, Action: engine.OperationPause, Filter: f, Reason: "a bad day", ExpectedCount: 1}))
	eventually(func() bool {
		op, err := w.Operation(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return op.Status != engine.OperationRunning
	})
}

// eventually waits for a condition; the test's own time bounds it.
func eventually(done func() bool) {
	for !done() {
		time.Sleep(2 * time.Millisecond) // what is waited for needs the processor
	}
}

// reply is what a container does that works on m1 and has answered it.
func (w *world) reply(t *testing.T, s engine.Session) {
	folder := filepath.Join(w.dir, s.Folder())
	// First: else the engine takes it for undelivered.
	mustExec(t, filepath.Join(folder, "inbound.db"), `
		INSERT INTO delivered VALUES ('r1', 'tg-9', 'delivered', '2026-01-31 12:00:02')`)
	mustExec(t, filepath.Join(folder, "outbound.db"), `
		INSERT INTO processing_ack VALUES ('m1', 'processing', '2026-01-31 12:00:00');
		INSERT INTO container_state (id, current_tool, tool_declared_timeout_ms, tool_started_at, updated_at)
		VALUES (1, 'Bash', 60000, '2026-01-31 11:59:58', '2026-01-31 11:59:58');
		INSERT INTO messages_out (id, seq, in_reply_to, timestamp, kind, platform_id, channel_type, content)
		VALUES ('r1', 1, 'm1', '2026-01-31 12:00:01', 'chat', '42', 'telegram', '{ "text": "hi", "files": ["chart.png"] }'),
		       ('r2', 3, NULL, 'yesterday', 'chat', NULL, NULL, CAST(x'6f6b20ff' AS TEXT))`)
	out := filepath.Join(folder, "outbox", "r1")
	if err := os.Mkdir(out, 0o770); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "chart.png"), []byte("not really"), 0o660); err != nil {
		t.Fatal(err)
	}
}

func (w *world) mustSession(t *testing.T, name string, in engine.ResolveSessionInput) engine.Session {
	t.Helper()
	s, _, err := w.ResolveSession(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.names[s.ID] = "$" + name
	return s
}

// query sends a request and returns the answer's body.
func (w *world) query(t *testing.T, query string, variables any) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return w.send(t, body)
}

func (w *world) send(t *testing.T, body []byte) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, w.server.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	madeID    = regexp.MustCompile(`\b(sess|msg|ag|mg|wh)-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	requestID = regexp.MustCompile(`("requestId":\s*)"[^"]+"`)
	micros    = regexp.MustCompile(`("micros":\s*)[0-9.e+]+`)
)

// named puts placeholders for what differs from run to run.
func (w *world) named(text string) string {
	for id, name := range w.names {
		text = strings.ReplaceAll(text, id, name)
	}
	text = madeID.ReplaceAllString(text, "$$MADE")
	text = micros.ReplaceAllString(text, `$1"$$MICROS"`)
	return requestID.ReplaceAllString(text, `$1"$$REQUEST"`)
}

// resolved puts ids for placeholders.
func (w *world) resolved(text string) string {
	for id, name := range w.names {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

// mustExec plays the container. Its SQLite locks files as the engine's does: in
// one process, other locks would end when the engine closes the file.
func mustExec(t *testing.T, file, statements string) {
	t.Helper()
	db, err := sqlite3.Open("file:" + file + "?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T) func(_ any, err error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}
