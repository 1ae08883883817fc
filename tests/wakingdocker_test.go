package tests_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/twinbox/twinbox/internal/dockertest"
	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// wakersFile writes a configuration of containers for all agent groups.
func wakersFile(t *testing.T, path string, config map[string]any) {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Lesson 32.
func TestAContainerOutlivesAKilledEngineAndIsTakenOver(t *testing.T) {
	t.Parallel()
	engine, err := dockertest.Build("engine-static", "cmd/engine")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range dockertest.Names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cli := dockertest.New(t, name)
			config := map[string]any{"agentGroups": map[string]any{"*": map[string]any{"docker": map[string]any{
				"cli": cli.Path, "rootfs": dockertest.Root(t, engine), "readOnly": true, "memoryBytes": 512 << 20, "processes": 100,
				"command": []string{"/engine-static", "agent", "--workspace", "/workspace", "--", "/agent", "echo"}}}}}
			file := filepath.Join(t.TempDir(), "wakers.json")
			wakersFile(t, file, config)
			s := newSession(t)
			data := strings.TrimSuffix(s.folder, "/v2-sessions/ag/"+s.id)
			if err := s.engine.Stop(); err != nil {
				t.Fatal(err)
			}
			containers := func() []string { return cli.Containers(t, "twinbox.session="+s.id) }
			s.engine = engineproc.Start(t, data, "--wakers", file)
			s.write(t, "m1", "hello")
			s.answered(t, "m1")
			first := containers()
			if len(first) != 1 {
				t.Fatalf("there are %v", first)
			}

			// The engine dies, its container does not, and the next takes it over.
			s.write(t, "m2", "hello again")
			if err := s.engine.Kill(); err != nil {
				t.Fatal(err)
			}
			s.engine = engineproc.Start(t, data, "--wakers", file)
			s.write(t, "m3", "and again")
			s.answered(t, "m2")
			s.answered(t, "m3")
			if all := containers(); !slices.Equal(all, first) {
				t.Fatalf("there are %v, and there was %v", all, first)
			}
			if s.claim(t, "somebody") {
				t.Fatal("a container that the engine runs was given to somebody else")
			}

			// Another configuration is for what is started next.
			reload := func(config map[string]any, want string) {
				wakersFile(t, file, config)
				if err := syscall.Kill(s.engine.Pid(), syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
				until(t, want, func() bool { return strings.Contains(s.engine.Output(), want) })
			}
			reload(map[string]any{"maxRunning": -1}, "left as it was read before")
			reload(config, "read the file of --wakers again")
			s.write(t, "m4", "once more")
			s.answered(t, "m4")
			if all := containers(); !slices.Equal(all, first) {
				t.Fatalf("there are %v, and there was %v", all, first)
			}

			if err := s.engine.Stop(); err != nil {
				t.Fatal(err)
			}
			if all := containers(); len(all) > 0 {
				t.Fatalf("%v outlive the engine", all)
			}
		})
	}
}

// Who is due when nobody starts containers is started by a configuration that
// does.
func TestWhatIsDueIsStartedByAConfigurationThatComesLater(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "wakers.json")
	wakersFile(t, file, map[string]any{})
	s := newSession(t, "--wakers", file)
	s.write(t, "m1", "hello")
	follow(t, s.engine, "SESSION_DUE", s.id, 1)
	wakersFile(t, file, map[string]any{"agentGroups": map[string]any{"ag": map[string]any{"exec": map[string]any{
		"command": []string{engineproc.Binary(t), "agent", "--workspace", ".", "--", "cat"}}}}})
	if err := syscall.Kill(s.engine.Pid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.answered(t, "m1")
}

func TestTheManualsContainerRuns(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the example needs %s: %v", tool, err)
		}
	}
	manual, err := os.ReadFile("../docs/waking.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(manual), "An example from nothing")
	_, example, _ = strings.Cut(example, "```sh\n")
	example, _, found := strings.Cut(example, "```\n")
	if !found {
		t.Fatal("there is no example")
	}
	ran := false // one is enough: each builds the engine
	for _, name := range dockertest.Names {
		if ran {
			break
		}
		t.Run(name, func(t *testing.T) {
			cli := dockertest.New(t, name)
			ran = true
			bin := t.TempDir()
			if err := os.Symlink(cli.Path, filepath.Join(bin, "podman")); err != nil {
				t.Fatal(err)
			}
			c := exec.CommandContext(t.Context(), "sh", "-eu", "-c", example)
			c.Dir, c.Env = "..", append(os.Environ(), "TMPDIR="+t.TempDir(), "PATH="+bin+":"+os.Getenv("PATH"))
			var errors strings.Builder
			c.Stderr = &errors
			out, err := c.Output()
			if err != nil || !strings.Contains(string(out), "\nHELLO\n") || !strings.Contains(string(out), "twinbox-") {
				t.Errorf("%v\n%s\n%s", err, out, &errors)
			}
		})
	}
}
