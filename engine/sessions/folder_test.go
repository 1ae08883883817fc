package sessions_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

var (
	must     = hosttest.Must
	wantCode = hosttest.WantCode
)

// use does everything that the engine does with a folder and returns the
// errors by what was done. Nothing may panic, block or reach outside.
func use(t *testing.T, h *hosttest.Host, s engine.Session) map[string]error {
	t.Helper()
	ctx, page := t.Context(), engine.Page{Limit: 10}
	errs := map[string]error{}
	_, _, errs["write"] = h.Write(t, s, "plain", "hello")
	_, _, errs["attach"] = h.Write(t, s, "m1", hosttest.Attach(hosttest.File("a.txt", "attached")))
	_, _, errs["slug"] = h.Write(t, s, "../../m", hosttest.Attach(hosttest.File("../../a.txt", "attached")))
	_, errs["project"] = h.ProjectSession(ctx, s.ID)
	_, errs["messages"] = h.Messages(ctx, s, page, nil)
	_, errs["message"] = h.Message(ctx, s.ID, "m1")
	replies, err := h.Replies(ctx, s, page, nil)
	errs["replies"] = err
	for _, r := range replies.Items {
		_, errs["reply files"] = h.ReplyAttachments(ctx, s, r)
	}
	_, errs["files"] = h.MessageAttachments(ctx, s, engine.Message{Content: `{"attachments":[{"localPath":"inbox/m1/a.txt"},{"localPath":"inbox/../a.txt"}]}`})
	for _, path := range []string{"inbox/m1/a.txt", "outbox/r1/secret.txt"} {
		f, err := h.OpenAttachment(ctx, s.ID, path)
		if err == nil {
			must(t, f.Close())
		}
		errs["open "+path] = err
	}
	_, errs["heartbeat"] = h.Heartbeat(ctx, s)
	_, errs["start"] = h.MarkContainer(ctx, s.ID, engine.ContainerRunning)
	_, errs["gone"] = h.MarkContainer(ctx, s.ID, engine.ContainerStopped)
	return errs
}

func mustRemove(t *testing.T, path string) {
	t.Helper()
	must(t, os.RemoveAll(path))
}

func mustLink(t *testing.T, target, path string) {
	t.Helper()
	mustRemove(t, path)
	must(t, os.Symlink(target, path))
}

// A container that owns a folder replaces anything in it; what the engine
// then does must not reach outside (lessons 1, 2, 5).
func TestNothingOutsideTheFolderChangesWhateverTheContainerPutsInIt(t *testing.T) {
	attacks := map[string]func(t *testing.T, folder, outside, victim string){
		"inbox is a link out": func(t *testing.T, folder, outside, _ string) {
			mustLink(t, outside, filepath.Join(folder, "inbox"))
		},
		"inbox is a link to its parent": func(t *testing.T, folder, _, _ string) {
			mustLink(t, "..", filepath.Join(folder, "inbox"))
		},
		"inbox is a link to its folder": func(t *testing.T, folder, _, _ string) {
			mustLink(t, ".", filepath.Join(folder, "inbox"))
		},
		"a message's folder is a link out": func(t *testing.T, folder, outside, _ string) {
			must(t, os.MkdirAll(filepath.Join(folder, "inbox"), 0o777))
			mustLink(t, outside, filepath.Join(folder, "inbox", "m1"))
		},
		"a message's folder is a link to the folder": func(t *testing.T, folder, _, _ string) {
			must(t, os.MkdirAll(filepath.Join(folder, "inbox"), 0o777))
			mustLink(t, "..", filepath.Join(folder, "inbox", "m1"))
		},
		"an attachment is a link out": func(t *testing.T, folder, outside, _ string) {
			must(t, os.MkdirAll(filepath.Join(folder, "inbox", "m1"), 0o777))
			mustLink(t, filepath.Join(outside, "secret.txt"), filepath.Join(folder, "inbox", "m1", "a.txt"))
		},
		"outbox is a link to the folder": func(t *testing.T, folder, _, _ string) {
			mustLink(t, ".", filepath.Join(folder, "outbox"))
		},
		"outbox is a link out": func(t *testing.T, folder, outside, _ string) {
			must(t, os.MkdirAll(filepath.Join(outside, "r1"), 0o777))
			must(t, os.WriteFile(filepath.Join(outside, "r1", "secret.txt"), []byte("secret"), 0o600))
			mustLink(t, outside, filepath.Join(folder, "outbox"))
		},
		"a reply's folder is a link out": func(t *testing.T, folder, outside, _ string) {
			mustLink(t, outside, filepath.Join(folder, "outbox", "r1"))
		},
		"a reply's file is a link out": func(t *testing.T, folder, outside, _ string) {
			must(t, os.MkdirAll(filepath.Join(folder, "outbox", "r1"), 0o777))
			mustLink(t, filepath.Join(outside, "secret.txt"), filepath.Join(folder, "outbox", "r1", "secret.txt"))
		},
		"a reply's file is a hard link": func(t *testing.T, folder, outside, _ string) {
			must(t, os.MkdirAll(filepath.Join(folder, "outbox", "r1"), 0o777))
			must(t, os.Link(filepath.Join(outside, "secret.txt"), filepath.Join(folder, "outbox", "r1", "secret.txt")))
		},
		"inbound.db is a link to another session's": func(t *testing.T, folder, _, victim string) {
			mustLink(t, filepath.Join(victim, "inbound.db"), filepath.Join(folder, "inbound.db"))
		},
		"inbound.db is a hard link to another session's": func(t *testing.T, folder, _, victim string) {
			mustRemove(t, filepath.Join(folder, "inbound.db"))
			must(t, os.Link(filepath.Join(victim, "inbound.db"), filepath.Join(folder, "inbound.db")))
		},
		"outbound.db is a hard link to another session's": func(t *testing.T, folder, _, victim string) {
			mustRemove(t, filepath.Join(folder, "outbound.db"))
			must(t, os.Link(filepath.Join(victim, "outbound.db"), filepath.Join(folder, "outbound.db")))
		},
		"outbound.db is a link to inbound.db": func(t *testing.T, folder, _, _ string) {
			mustLink(t, "inbound.db", filepath.Join(folder, "outbound.db"))
		},
		"the journal is a link out": func(t *testing.T, folder, outside, _ string) {
			mustLink(t, filepath.Join(outside, "new"), filepath.Join(folder, "inbound.db-journal"))
			mustLink(t, filepath.Join(outside, "secret.txt"), filepath.Join(folder, "outbound.db-journal"))
		},
		"the journal is a hard link": func(t *testing.T, folder, outside, _ string) {
			must(t, os.Link(filepath.Join(outside, "secret.txt"), filepath.Join(folder, "inbound.db-journal")))
			must(t, os.Link(filepath.Join(outside, "secret.txt"), filepath.Join(folder, "outbound.db-journal")))
		},
		"the destinations are a link out": func(t *testing.T, folder, outside, _ string) {
			mustLink(t, filepath.Join(outside, "secret.txt"), filepath.Join(folder, ".nanoclaw-destinations.json"))
		},
		"the destinations are a hard link": func(t *testing.T, folder, outside, _ string) {
			mustRemove(t, filepath.Join(folder, ".nanoclaw-destinations.json"))
			must(t, os.Link(filepath.Join(outside, "secret.txt"), filepath.Join(folder, ".nanoclaw-destinations.json")))
		},
		"the heartbeat is a link out": func(t *testing.T, folder, outside, _ string) {
			mustLink(t, filepath.Join(outside, "secret.txt"), filepath.Join(folder, ".heartbeat"))
		},
	}
	h := hosttest.Open(t, sessions.Options{})
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			s, other := h.Session(t), h.Session(t)
			h.MustWrite(t, other, "m1", hosttest.Attach(hosttest.File("a.txt", "the other's")))
			h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content)
				VALUES ('r1', 1, '2026-01-01 00:00:00', 'chat', '{"files":["secret.txt","../secret.txt","../../inbound.db"]}')`)
			outside := filepath.Join(t.TempDir(), "outside")
			must(t, os.MkdirAll(outside, 0o777))
			must(t, os.WriteFile(filepath.Join(outside, "secret.txt"), []byte("secret"), 0o600))
			attack(t, h.Folder(s), outside, h.Folder(other))

			before := hosttest.Tree(t, outside) + hosttest.Tree(t, h.Folder(other))
			errs := use(t, h, s)
			if after := hosttest.Tree(t, outside) + hosttest.Tree(t, h.Folder(other)); after != before {
				t.Errorf("outside changed from\n%sto\n%s%v", before, after, errs)
			}
			if errs["open outbox/r1/secret.txt"] == nil {
				t.Error("a file that is not the reply's own was opened")
			}
			if err := errs["open inbox/m1/a.txt"]; err == nil && strings.Contains(name, "an attachment is") && errs["attach"] != nil {
				t.Error("a link was opened as an attachment")
			}
			for what, err := range errs {
				if code := engine.CodeOf(err); code != "" && code != engine.CodeUnavailable && code != engine.CodeNotFound {
					t.Errorf("%s: %s, %v", what, code, err)
				}
			}
			if !strings.Contains(name, "hard link to another") {
				h.MustWrite(t, other, "after", "the others are served on")
			}
		})
	}
}

var folderNames = []string{"inbound.db", "outbound.db", "inbound.db-journal", "outbound.db-journal", ".heartbeat",
	".nanoclaw-destinations.json", "inbox", "outbox", "inbox/m1", "inbox/m1/a.txt", "outbox/r1", "outbox/r1/secret.txt"}

// What is not what its name says is refused or replaced; nothing waits for it.
func TestWrongThingsInPlaceOfFilesAreNeverWaitedFor(t *testing.T) {
	kinds := map[string]func(path string) error{
		"a FIFO":             func(path string) error { return unix.Mkfifo(path, 0o666) },
		"a directory":        func(path string) error { return os.MkdirAll(filepath.Join(path, "sub"), 0o777) },
		"an empty file":      func(path string) error { return os.WriteFile(path, nil, 0o666) },
		"a sparse huge file": func(path string) error { must(t, os.WriteFile(path, nil, 0o666)); return os.Truncate(path, 1<<40) },
		"garbage": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("garbage\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 4096)), 0o666)
		},
		"unreadable": func(path string) error { return os.WriteFile(path, []byte("x"), 0) },
	}
	h := hosttest.Open(t, sessions.Options{})
	for kind, make := range kinds {
		for _, name := range folderNames {
			t.Run(kind+" as "+name, func(t *testing.T) {
				t.Parallel()
				s := h.Session(t)
				path := h.Folder(s, name)
				must(t, os.MkdirAll(filepath.Dir(path), 0o777))
				mustRemove(t, path)
				must(t, make(path))
				for what, err := range use(t, h, s) {
					if code := engine.CodeOf(err); code != "" && code != engine.CodeUnavailable && code != engine.CodeNotFound && code != engine.CodeLimitExceeded {
						t.Errorf("%s: %s, %v", what, code, err)
					}
				}
				// Once the container's mess is gone, all is as before.
				mustRemove(t, path)
				if !strings.HasSuffix(name, ".db") {
					h.MustWrite(t, s, "again", hosttest.Attach(hosttest.File("b.txt", "attached")))
				}
			})
		}
	}
}

// A goroutine swaps inbox, and a message's folder, with a link out for as long
// as messages with attachments are written (lesson 2).
func TestSwappingTheInboxWhileWritingNeverLeadsOutside(t *testing.T) {
	for _, name := range []string{"inbox", "inbox/m"} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.Open(t, sessions.Options{})
			s := h.Session(t)
			h.MustWrite(t, s, "first", hosttest.Attach(hosttest.File("a.txt", "attached")))
			outside := filepath.Join(t.TempDir(), "outside")
			must(t, os.MkdirAll(filepath.Join(outside, "m"), 0o777))
			link, at, aside := h.Folder(s, "link"), h.Folder(s, name), h.Folder(s, "aside")
			must(t, os.Symlink(outside, link))
			must(t, os.MkdirAll(at, 0o777))
			before := hosttest.Tree(t, outside)

			ctx, stop := context.WithCancel(t.Context())
			var swapper sync.WaitGroup
			defer swapper.Wait()
			defer stop()
			swapper.Go(func() {
				for ctx.Err() == nil {
					// Each step may fail: the engine makes and removes the same names.
					_ = os.Rename(at, aside)
					_ = os.Rename(link, at)
					_ = os.Rename(at, link)
					_ = os.Rename(aside, at)
				}
			})
			written := 0
			for range 60 {
				_, _, err := h.Write(t, s, "m", hosttest.Attach(hosttest.File("a.txt", "attached"), hosttest.File("b.txt", "attached")))
				if code := engine.CodeOf(err); code != "" && code != engine.CodeUnavailable {
					t.Errorf("%s: %v", code, err)
				}
				if err == nil {
					written++
				}
				h.Exec(t, s, "inbound.db", `DELETE FROM messages_in; DELETE FROM engine_accepted`)
			}
			stop()
			swapper.Wait()
			if after := hosttest.Tree(t, outside); after != before {
				t.Errorf("outside changed from\n%sto\n%s", before, after)
			}
			t.Logf("%d of 60 were written", written)
		})
	}
}

// What is asked for after the end must not be looked up under the numbers of
// directories that are somebody else's by then.
func TestAClosedEngineReadsNothing(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.MustWrite(t, s, "m", "hello")
	must(t, h.Close())
	for range 20 {
		f, err := os.Open(filepath.Join(h.Data, "v2-sessions"))
		must(t, err)
		defer f.Close()
	}
	_, err := h.Messages(t.Context(), s, engine.Page{Limit: 1}, nil)
	wantCode(t, err, engine.CodeUnavailable)
	_, err = h.Heartbeat(t.Context(), s)
	wantCode(t, err, engine.CodeUnavailable)
}
