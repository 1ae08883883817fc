package engine_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

// entry is one entry of a tar.
type entry struct {
	tar.Header
	body []byte
}

func mustReadTar(t *testing.T, path string) (all []entry) {
	t.Helper()
	f, err := os.Open(path)
	hosttest.Must(t, err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		hosttest.Must(t, err)
		body, err := io.ReadAll(r)
		hosttest.Must(t, err)
		all = append(all, entry{*h, body})
	}
}

func tarOf(t *testing.T, all []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range all {
		if e.Typeflag == tar.TypeReg {
			e.Size = int64(len(e.body))
		}
		hosttest.Must(t, w.WriteHeader(&e.Header))
		_, err := w.Write(e.body)
		hosttest.Must(t, err)
	}
	hosttest.Must(t, w.Close())
	return b.Bytes()
}

func file(name, body string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600}, []byte(body)}
}

// before puts entries before the manifest, which says nothing of them.
func before(more ...entry) func([]entry) []entry {
	return func(all []entry) []entry {
		last := len(all) - 1
		return append(append(append([]entry{}, all[:last]...), more...), all[last])
	}
}

// manifest changes the manifest.
func manifest(change func(m map[string]any)) func([]entry) []entry {
	return func(all []entry) []entry {
		all = append([]entry{}, all...)
		last := &all[len(all)-1]
		var m map[string]any
		if err := json.Unmarshal(last.body, &m); err != nil {
			panic(err)
		}
		change(m)
		last.body, _ = json.Marshal(m)
		return all
	}
}

func session(field string, value any) func([]entry) []entry {
	return manifest(func(m map[string]any) { m["session"].(map[string]any)[field] = value })
}

func TestAHostileArchiveIsRefusedAndWritesNothing(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day})
	s, _ := archived(t, h, clock)
	path := filepath.Join(h.Data, "archives", s.ID+".tar")
	good := mustReadTar(t, path)
	link := func(kind byte, name, to string) entry {
		return entry{tar.Header{Name: name, Typeflag: kind, Linkname: to, Mode: 0o777}, nil}
	}
	outside := hosttest.Tree(t, h.Data)
	for name, change := range map[string]func([]entry) []entry{
		"a path that leads out":         before(file("session/../../../evil", "x")),
		"an absolute path":              before(file("/tmp/evil", "x")),
		"a path beside the folder":      before(file("evil", "x")),
		"a path with an empty part":     before(file("session/work//evil", "x")),
		"a path with a dot":             before(file("session/./evil", "x")),
		"a symbolic link":               before(link(tar.TypeSymlink, "session/evil", "/etc/passwd")),
		"a file through a link":         before(link(tar.TypeSymlink, "session/evil", "/tmp"), file("session/evil/x", "x")),
		"a hard link":                   before(link(tar.TypeLink, "session/evil", "session/inbound.db")),
		"a device":                      before(entry{tar.Header{Name: "session/evil", Typeflag: tar.TypeBlock, Devmajor: 8}, nil}),
		"a FIFO":                        before(entry{tar.Header{Name: "session/evil", Typeflag: tar.TypeFifo}, nil}),
		"a file that is not listed":     before(file("session/evil", "x")),
		"a file twice":                  before(file("session/inbound.db", "x")),
		"a file below a file":           before(file("session/inbound.db/x", "x")),
		"a file without its directory":  before(file("session/nowhere/x", "x")),
		"a path that is deep":           before(file("session/"+strings.Repeat("d/", 40)+"x", "x")),
		"a path that is long":           before(file("session/"+strings.Repeat("d", 5000), "x")),
		"something behind the manifest": func(all []entry) []entry { return append(append([]entry{}, all...), file("session/evil", "x")) },
		"no manifest":                   func(all []entry) []entry { return all[:len(all)-1] },
		"nothing":                       func([]entry) []entry { return nil },
		"bytes that were changed": func(all []entry) []entry {
			all = append([]entry{}, all...)
			for i := range all {
				if strings.HasSuffix(all[i].Name, "run.sh") {
					all[i].body = []byte("#!/bin/su\n")
				}
			}
			return all
		},
		"a file that is missing": func(all []entry) []entry {
			return append(append([]entry{}, all[:len(all)-2]...), all[len(all)-1])
		},
		"another session":             session("id", "sess-other"),
		"an agent group that is path": session("agentGroupId", "../.."),
		"a chat that is a path":       session("messagingGroupId", "../.."),
		"a mode that is none":         session("mode", "ROOT"),
		"a version to come":           manifest(func(m map[string]any) { m["version"] = 2 }),
		"entries that are none":       manifest(func(m map[string]any) { m["entries"] = 5 }),
	} {
		t.Run(name, func(t *testing.T) {
			hosttest.Must(t, os.WriteFile(path, tarOf(t, change(good)), 0o600))
			_, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
			hosttest.WantCode(t, err, engine.CodeInvalidInput)
			checkOutside(t, h, s, outside)
		})
	}
	for name, b := range map[string][]byte{
		"cut off":    tarOf(t, good)[:2000],
		"no tar":     bytes.Repeat([]byte("x"), 5000),
		"a bomb":     bomb(t),
		"zeros only": make([]byte, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			hosttest.Must(t, os.WriteFile(path, b, 0o600))
			_, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
			hosttest.WantCode(t, err, engine.CodeInvalidInput)
			if name == "a bomb" && !strings.Contains(err.Error(), "more bytes than there are") {
				t.Errorf("refused for another reason: %v", err)
			}
			checkOutside(t, h, s, outside)
		})
	}
	hosttest.Must(t, os.WriteFile(path, tarOf(t, good), 0o600))
	if _, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID}); err != nil {
		t.Errorf("what was not changed is refused: %v", err)
	}
}

// bomb is a sparse file of a terabyte, in a few hundred bytes.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	hosttest.Must(t, w.WriteHeader(&tar.Header{Name: "session/", Typeflag: tar.TypeDir, Mode: 0o700, Format: tar.FormatPAX}))
	where := "1\n1099511627775\n1\n" // one byte, at the very end
	body := where + strings.Repeat("\x00", 512-len(where)) + "x"
	hosttest.Must(t, w.WriteHeader(&tar.Header{Name: "session/inbound.db", Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(body)), Format: tar.FormatPAX,
		PAXRecords: map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "session/inbound.db", "XXX.sparse.realsize": "1099511627776"}}))
	_, err := io.WriteString(w, body)
	hosttest.Must(t, err)
	hosttest.Must(t, w.Close())
	return bytes.ReplaceAll(b.Bytes(), []byte("XXX.sparse"), []byte("GNU.sparse")) // the writer makes none
}

func checkOutside(t *testing.T, h *hosttest.Host, s engine.Session, want string) {
	t.Helper()
	lines := func(tree string) (kept string) {
		for line := range strings.Lines(tree) {
			if !strings.Contains(line, "engine.db") && !strings.Contains(line, s.ID+".tar") {
				kept += line
			}
		}
		return kept
	}
	if now := hosttest.Tree(t, h.Data); lines(now) != lines(want) {
		t.Errorf("the data directory was\n%s\nand is\n%s", lines(want), lines(now))
	}
	if _, err := os.Stat("/tmp/evil"); err == nil {
		t.Error("it wrote /tmp/evil")
	}
}
