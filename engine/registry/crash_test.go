package registry_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

// victimEnv makes the test binary a process that writes until it is killed.
const victimEnv = "REGISTRY_TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimEnv); path != "" {
		victim(path)
	}
	os.Exit(m.Run())
}

// victim creates sessions from many goroutines for ever, and prints the id of
// each when it is acknowledged.
func victim(path string) {
	r, err := registry.Open(context.Background(), path, registry.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("sess-%d-%d-%d", os.Getpid(), w, i)
				if err := r.CreateSession(context.Background(), session(id, "ag", engine.ModeShared, "", "")); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				os.Stdout.WriteString(id + "\n")
			}
		})
	}
	wg.Wait()
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	mustClose(t, mustFill(t, mustOpen(t, path)))
	var acknowledged []string
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env, cmd.Stderr = append(os.Environ(), victimEnv+"="+path), os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
			if n == 400 { // the rest is what was under way
				must(t, cmd.Process.Kill())
			}
		}
		cmd.Wait()
	}
	if len(acknowledged) < 1600 {
		t.Fatalf("only %d were acknowledged: the process ended by itself", len(acknowledged))
	}
	r := mustOpen(t, path)
	for _, id := range acknowledged {
		if _, err := r.Session(t.Context(), id); err != nil {
			t.Errorf("acknowledged, then lost: %v", err)
		}
	}
	if rows := mustRows(t, mustSQL(t, path), "PRAGMA integrity_check"); rows[0] != "ok" {
		t.Error(rows)
	}
}

// As after a power cut: the files that an acknowledgement synced, without the
// shared memory. That they are synced is TestEachCommitIsSynced's.
func TestFilesAfterAnAcknowledgementHoldIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "engine.db")
	r := mustFill(t, mustOpen(t, path))
	for i := range 20 {
		id := fmt.Sprintf("sess-%d", i)
		mustSession(t, r, id)
		after := filepath.Join(dir, fmt.Sprintf("copy-%d.db", i))
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + suffix)
			must(t, err)
			must(t, os.WriteFile(after+suffix, b, 0o600))
		}
		if _, err := mustOpen(t, after).Session(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}
