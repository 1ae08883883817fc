package tests_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// deaf is a command that runs the engine where the kernel tells it of no
// change to any file, as some mounts do.
func deaf(t *testing.T) string {
	t.Helper()
	const hush = `echo 0 > /proc/sys/user/max_inotify_instances && exec "$0" "$@"`
	if out, err := exec.CommandContext(t.Context(), "unshare", "--user", "--map-root-user", "sh", "-c", hush, "true").CombinedOutput(); err != nil {
		t.Skipf("inotify cannot be withheld here: %v: %s", err, out)
	}
	path := filepath.Join(t.TempDir(), "engine")
	script := "#!/bin/sh\nexec unshare --user --map-root-user sh -c '" + hush + "' '" + engineproc.Binary(t) + "' \"$@\"\n"
	must(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}

// On such a mount, the looks at running containers' files are a second apart,
// and not the minute that others have.
func TestRepliesAreNoticedSoonWhereNobodyTellsOfChanges(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	e, err := engineproc.Serve(deaf(t), data)
	must(t, err)
	t.Cleanup(func() { must(t, e.Stop()) })
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", e.Pid()))
	must(t, err)
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); strings.Contains(to, "inotify") {
			t.Fatal("the engine is told of changes: the test shows nothing")
		}
	}
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	id, folder, err := resolve(e, room, "thread")
	must(t, err)
	s := session{engine: e, id: id, folder: filepath.Join(data, folder)}
	s.mark(t, "RUNNING")
	began := time.Now()
	const replies = 5
	for n := range replies {
		foreign.Run(t, "reply", s.folder, "--id", fmt.Sprint("r", n), "--content", "hello")
		follow(t, e, "REPLY_WRITTEN", id, n+1)
	}
	if took := time.Since(began); took > replies*time.Minute/2 {
		t.Errorf("%d replies were noticed in %s", replies, took)
	}
}
