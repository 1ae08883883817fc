package agent_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/twinbox/twinbox/engine/agent"
)

// folder is a session's folder whose host is another SQLite.
type folder struct {
	t    *testing.T
	dir  string
	next int64
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	return newFolderOf(t, "testdata/inbound.sql")
}

func newFolderOf(t *testing.T, schema string) *folder {
	t.Helper()
	f := &folder{t: t, dir: t.TempDir()}
	ddl, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	f.exec("inbound.db", string(ddl))
	return f
}

func (f *folder) path(elem ...string) string {
	return filepath.Join(append([]string{f.dir}, elem...)...)
}

func (f *folder) open(name string) *sql.DB {
	f.t.Helper()
	db, err := sql.Open("sqlite", "file:"+f.path(name)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		f.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func (f *folder) exec(name, query string, args ...any) {
	f.t.Helper()
	db := f.open(name)
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		f.t.Fatalf("%s: %v", query, err)
	}
}

// rows returns a query's result, a row a line, columns by "|".
func (f *folder) rows(name, query string, args ...any) string {
	f.t.Helper()
	db := f.open(name)
	defer db.Close()
	rows, err := db.Query(query, args...)
	if err != nil {
		f.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		f.t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			f.t.Fatal(err)
		}
		var texts []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			texts = append(texts, v.String)
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// message writes a row; columns are "name", value pairs over sensible ones.
func (f *folder) message(id string, columns ...any) {
	f.t.Helper()
	f.next += 2
	row := map[string]any{"id": id, "seq": f.next, "kind": "chat", "timestamp": "2026-01-02T03:04:05.678Z", "content": `{"text":"` + id + `"}`}
	for i := 0; i < len(columns); i += 2 {
		row[columns[i].(string)] = columns[i+1]
	}
	var names, marks []string
	var args []any
	for name, value := range row {
		names, marks, args = append(names, `"`+name+`"`), append(marks, "?"), append(args, value)
	}
	f.exec("inbound.db", `INSERT INTO messages_in (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, args...)
}

func (f *folder) ack(id string) string {
	f.t.Helper()
	if !f.exists("outbound.db") || f.rows("outbound.db", `SELECT name FROM sqlite_schema WHERE name = 'processing_ack'`) == "" {
		return "" // the agent has only just started
	}
	return f.rows("outbound.db", `SELECT status FROM processing_ack WHERE message_id = ?`, id)
}

func (f *folder) acks() string {
	f.t.Helper()
	return f.rows("outbound.db", `SELECT message_id, status FROM processing_ack ORDER BY message_id`)
}

func (f *folder) replies() string {
	f.t.Helper()
	return f.rows("outbound.db", `SELECT seq, in_reply_to, content FROM messages_out ORDER BY seq`)
}

func (f *folder) write(content string, elem ...string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.path(elem...)), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(f.path(elem...), []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) exists(elem ...string) bool {
	_, err := os.Lstat(f.path(elem...))
	return err == nil
}

func (f *folder) complete(cfg *agent.Config) {
	if cfg.Workspace == "" {
		cfg.Workspace = f.dir
	}
	if cfg.Input == "" {
		cfg.Input = agent.InputText
	}
	if cfg.Poll == 0 {
		cfg.Poll = 10 * time.Millisecond
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.Grace == 0 {
		cfg.Grace = time.Minute
	}
}

// once runs the agent over what is due and returns its log.
func (f *folder) once(command ...string) string {
	f.t.Helper()
	logs, err := f.try(agent.Config{Command: command, Once: true})
	if err != nil {
		f.t.Fatalf("%v\n%s", err, logs)
	}
	return logs
}

func (f *folder) try(cfg agent.Config) (string, error) {
	f.t.Helper()
	f.complete(&cfg)
	logs := &buffer{}
	cfg.Stderr, cfg.Log = logs, slog.New(slog.NewTextHandler(logs, nil))
	err := agent.Run(f.t.Context(), cfg)
	return logs.String(), err
}

// running is an agent that goes on until it is stopped, or the test ends.
type running struct {
	t    *testing.T
	logs *buffer
	stop context.CancelFunc
	kill chan struct{}
	done chan struct{}
	err  error // read it after done
}

func (f *folder) start(cfg agent.Config) *running {
	f.t.Helper()
	f.complete(&cfg)
	r := &running{t: f.t, logs: &buffer{}, kill: make(chan struct{}), done: make(chan struct{})}
	log := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Stderr, cfg.Log, cfg.Kill = r.logs, log, r.kill
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.done)
		r.err = agent.Run(ctx, cfg)
	}()
	f.t.Cleanup(func() {
		r.stop()
		<-r.done
		if f.t.Failed() {
			f.t.Log(r.logs.String())
		}
	})
	return r
}

func (r *running) wait() error {
	r.stop()
	<-r.done
	return r.err
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (f *folder) eventuallyAck(id, status string) {
	f.t.Helper()
	eventually(f.t, id+" is "+status, func() bool { return f.ack(id) == status })
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
