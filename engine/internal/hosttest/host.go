// Package hosttest opens a whole engine for tests that attack it from
// outside: as a client, and as a container that owns a session's folder.
package hosttest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
	"github.com/twinbox/twinbox/engine/sessions"
)

// AgentGroup is the agent group that Session uses.
const AgentGroup = "ag"

// Host is an engine on a data directory of its own.
type Host struct {
	*engine.Engine
	Data  string
	Store *sessions.Store
	Close func() error
	chats atomic.Int64
}

// Open opens an engine, which is closed when the test ends.
func Open(t testing.TB, o sessions.Options) *Host {
	t.Helper()
	h := OpenAt(t, t.TempDir(), o)
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: Ptr(AgentGroup), Name: "Agents"})
	Must(t, err)
	return h
}

// OpenAt opens an engine on a data directory that may have been used before.
func OpenAt(t testing.TB, data string, o sessions.Options) *Host {
	t.Helper()
	return OpenWith(t, data, o, engine.NewEventQueue())
}

// OpenWith is OpenAt with a queue that may have events in it, and of what else
// the changes say.
func OpenWith(t testing.TB, data string, o sessions.Options, events *engine.EventQueue, changes ...func(*engine.Config)) *Host {
	t.Helper()
	o.Limits, o.Events = o.Limits.OrDefaults(), events
	r, err := registry.Open(t.Context(), filepath.Join(data, "engine.db"), registry.Options{Log: o.Log})
	Must(t, err)
	s, err := sessions.Open(data, o)
	Must(t, err)
	c := engine.Config{Registry: r, Mailboxes: s, Events: events, Limits: o.Limits, Now: o.Now, Log: o.Log}
	for _, change := range changes {
		change(&c)
	}
	e, err := engine.New(t.Context(), c)
	Must(t, err)
	h := &Host{Engine: e, Data: data, Store: s}
	h.Close = sync.OnceValue(func() error {
		err := errors.Join(e.Close(), s.Close())
		events.Close()
		return errors.Join(err, r.Close())
	})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close the engine: %v", err)
		}
	})
	return h
}

// Session makes a session of a new chat.
func (h *Host) Session(t testing.TB) engine.Session {
	t.Helper()
	chat, _, err := h.EnsureMessagingGroup(t.Context(), engine.EnsureMessagingGroupInput{
		ChannelType: "test", PlatformID: fmt.Sprintf("chat-%d", h.chats.Add(1))})
	Must(t, err)
	s, _, err := h.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: AgentGroup, MessagingGroupID: &chat.ID})
	Must(t, err)
	return s
}

// Folder is the path of a session's folder, or of something in it.
func (h *Host) Folder(s engine.Session, path ...string) string {
	return filepath.Join(append([]string{h.Data, filepath.FromSlash(s.Folder())}, path...)...)
}

// Write writes a chat message under an id.
func (h *Host) Write(t testing.TB, s engine.Session, id string, content any) (*engine.Message, engine.WriteOutcome, error) {
	t.Helper()
	return h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Content: content, Trigger: true})
}

// MustWrite is Write of a message that has to be written.
func (h *Host) MustWrite(t testing.TB, s engine.Session, id string, content any) *engine.Message {
	t.Helper()
	m, outcome, err := h.Write(t, s, id, content)
	if err != nil || outcome != engine.OutcomeWritten {
		t.Fatalf("write %q: %s, %v", id, outcome, err)
	}
	return m
}

// DB opens one of a session's databases as any other program would.
func (h *Host) DB(t testing.TB, s engine.Session, name string) *sqlite3.Conn {
	t.Helper()
	c := h.connect(t, s, name)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return c
}

func (h *Host) connect(t testing.TB, s engine.Session, name string) *sqlite3.Conn {
	t.Helper()
	c, err := sqlite3.Open("file:" + h.Folder(s, name) + "?_pragma=busy_timeout(5000)")
	Must(t, err)
	return c
}

// Exec does one thing to one of a session's databases, as any other program would.
func (h *Host) Exec(t testing.TB, s engine.Session, name, sql string) {
	t.Helper()
	c := h.connect(t, s, name)
	defer c.Close()
	if err := c.Exec(sql); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, sql)
	}
}

// Rows returns a query's rows, columns joined with '|'.
func (h *Host) Rows(t testing.TB, s engine.Session, name, sql string) []string {
	t.Helper()
	c := h.connect(t, s, name)
	defer c.Close()
	st, _, err := c.Prepare(sql)
	Must(t, err)
	defer st.Close()
	var rows []string
	for st.Step() {
		var columns []string
		for i := range st.ColumnCount() {
			if st.ColumnType(i) == sqlite3.NULL {
				columns = append(columns, "NULL")
			} else {
				columns = append(columns, st.ColumnText(i))
			}
		}
		rows = append(rows, strings.Join(columns, "|"))
	}
	Must(t, st.Err())
	return rows
}

// Attach is content with attachments.
func Attach(elements ...map[string]any) map[string]any {
	list := make([]any, len(elements))
	for i, e := range elements {
		list[i] = e
	}
	return map[string]any{"text": "see", "attachments": list}
}

// File is an attachment with its bytes.
func File(name, data string) map[string]any {
	return map[string]any{"name": name, "data": base64.StdEncoding.EncodeToString([]byte(data))}
}

// Tree lists what is at and below a path: each name with its kind and mode,
// and the hash of its bytes or its link's target.
func Tree(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := ""
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			what = hex.EncodeToString(sum[:8])
		case info.Mode()&fs.ModeSymlink != 0:
			if what, err = os.Readlink(path); err != nil {
				return err
			}
		}
		fmt.Fprintln(&b, info.Mode(), strings.TrimPrefix(path, root), what)
		return nil
	})
	Must(t, err)
	return b.String()
}

// Wait waits for a condition; the test fails when its time is over first.
func Wait(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited for: %s", what)
		}
	}
}

// WantCode fails the test unless err has a code.
func WantCode(t testing.TB, err error, code engine.Code) {
	t.Helper()
	if engine.CodeOf(err) != code {
		t.Fatalf("got %q (%v), want %q", engine.CodeOf(err), err, code)
	}
}

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Ptr returns a pointer to a value.
func Ptr[T any](v T) *T { return &v }
