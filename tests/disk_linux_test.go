package tests_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

func TestFullDiskIsUnavailableAndLeavesNothingHalfWritten(t *testing.T) {
	for _, d := range []struct {
		name string
		dir  func(*testing.T) string
	}{
		{"tmpfs", func(t *testing.T) string { return tmpfs(t, 16<<20) }},
		{"ext4", func(t *testing.T) string { return newDisk(t, 24<<20, 4096).dir }},
	} {
		t.Run(d.name, func(t *testing.T) { fillDisk(t, d.dir(t)) })
	}
}

// fillDisk tries each kind of write on a disk that is full, and again when
// there is room.
func fillDisk(t *testing.T, dir string) {
	data := filepath.Join(dir, "data")
	e := engineproc.Start(t, data)
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	id, folder, err := resolve(e, room, "first")
	must(t, err)
	folder = filepath.Join(data, folder)
	bytes := make([]byte, 100<<10)
	attach := map[string]any{"attachments": []any{map[string]any{"name": "a.bin", "data": base64.StdEncoding.EncodeToString(bytes)}}}
	_, err = writeTo(e, id, "before", attach) // makes the inbox, which stays
	must(t, err)
	writes := []struct {
		name string
		do   func(n string) error
	}{
		{"message", func(n string) error { _, err := writeTo(e, id, "m"+n, strings.Repeat("x", 5000)); return err }},
		{"attachment", func(n string) error { _, err := writeTo(e, id, "a"+n, attach); return err }},
		{"session", func(n string) error { _, _, err := resolve(e, room, n); return err }},
		{"upload", func(n string) error { _, err := upload(e, bytes); return err }},
		{"agent group", func(n string) error {
			return e.Query(background(), `mutation($name: String!) { createAgentGroup(input: {name: $name}) { agentGroup { id } } }`,
				map[string]any{"name": strings.Repeat(n, 30)}, nil)
		}},
	}
	// With a little room, the disk is full in the midst of a write.
	for i := range 8 * len(writes) {
		w, room := writes[i/8], i%8*12<<10
		fill(t, filepath.Join(dir, "ballast"), room)
		before := listing(t, data)
		failed := ""
		for n := 0; failed == ""; n++ {
			name := fmt.Sprintf("%s-%d-%d", w.name, i, n)
			switch err := w.do(name); {
			case err != nil:
				failed = name
				if !strings.Contains(err.Error(), "UNAVAILABLE") || !strings.Contains(err.Error(), "full") || strings.Contains(err.Error(), dir) {
					t.Errorf("%s on a full disk: %v", name, err)
				}
			case n > 5000:
				t.Fatalf("the disk is never full for a %s", w.name)
			default: // it went into room that was allocated before
				before = listing(t, data)
			}
		}
		if after := listing(t, data); !slices.Equal(before, after) {
			t.Errorf("a %s that failed left something: %v, before %v", failed, after, before)
		}
		if in, _ := foreign.Check(t, folder); in.Integrity != "ok" {
			t.Errorf("after a %s that failed: %+v", w.name, in)
		}
		must(t, os.Remove(filepath.Join(dir, "ballast")))
		if err := w.do(failed); err != nil {
			t.Errorf("%s when there is room again: %v", failed, err)
		}
	}
	for _, r := range foreign.Rows(t, folder, "inbound", "messages_in") {
		if c := r["content"].(string); strings.Contains(c, `"data"`) {
			t.Errorf("base64 is left in %s", r["id"])
		}
	}
	must(t, e.Stop())
	if f, code := doctor(t, data); code != healthy || len(f) > 0 {
		t.Errorf("the doctor finds %+v", unrepaired(f))
	}
}

// fill takes all room that is left but so many bytes.
func fill(t *testing.T, path string, room int) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else {
			must(t, err)
		}
	}
	info, err := f.Stat()
	must(t, err, f.Truncate(info.Size()-int64(room)), f.Sync())
}

// listing lists the session folders and uploads.
func listing(t *testing.T, data string) (all []string) {
	t.Helper()
	for _, root := range []string{"v2-sessions", "uploads"} {
		err := fs.WalkDir(os.DirFS(data), root, func(path string, _ fs.DirEntry, err error) error {
			all = append(all, path)
			return err
		})
		must(t, err)
	}
	return all
}
