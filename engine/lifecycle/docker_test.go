package lifecycle_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/lifecycle"
	"github.com/twinbox/twinbox/internal/dockertest"
)

// containers are wakers that run the agent of package dockertest.
type containers struct {
	*lifecycle.Wakers
	cli    dockertest.CommandLine
	root   string
	data   string
	folder string
	log    *logged
	config lifecycle.Config
}

// eachCommandLine runs a test with podman and with the stand-in.
func eachCommandLine(t *testing.T, test func(t *testing.T, cli dockertest.CommandLine)) {
	for _, name := range dockertest.Names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dockertest.New(t, name))
		})
	}
}

func newContainers(t *testing.T, cli dockertest.CommandLine, mode ...string) *containers {
	t.Helper()
	return newContainersWith(t, cli, func(*lifecycle.Docker) {}, mode...)
}

func newContainersWith(t *testing.T, cli dockertest.CommandLine, change func(*lifecycle.Docker), mode ...string) *containers {
	t.Helper()
	c := &containers{cli: cli, root: dockertest.Root(t), data: t.TempDir(), log: &logged{}}
	d := &lifecycle.Docker{CLI: cli.Path, Rootfs: c.root, Command: append([]string{"/agent", mode[0], "/workspace"}, mode[1:]...), ReadOnly: true}
	change(d)
	c.config = lifecycle.Config{AgentGroups: map[string]lifecycle.Group{"ag": {Docker: d, GraceSeconds: 1}}}
	c.folder = filepath.Join(c.data, filepath.FromSlash(session.Folder()))
	if err := os.MkdirAll(c.folder, 0o770); err != nil {
		t.Fatal(err)
	}
	c.Wakers = c.again(t)
	return c
}

// again returns the wakers of another engine on the same data.
func (c *containers) again(t *testing.T) *lifecycle.Wakers {
	t.Helper()
	w, err := lifecycle.New(c.data, c.config, slog.New(slog.NewTextHandler(c.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// starts is how often an agent was started in the session's folder.
func (c *containers) starts(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.folder, "starts"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

// wantNone fails if anything is left of the session's container.
func (c *containers) wantNone(t *testing.T) {
	t.Helper()
	if left := c.list(t); len(left) > 0 {
		t.Errorf("there are containers left: %v", left)
	}
	left, err := os.ReadDir(filepath.Join(c.data, "run"))
	if err != nil || len(left) > 0 {
		t.Errorf("in the data directory there is left: %v, %v", left, err)
	}
}

// list returns the states of the session's containers.
func (c *containers) list(t *testing.T) []string {
	t.Helper()
	return c.cli.Containers(t, "twinbox.data="+c.Name())
}

func (l *logged) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(l.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited for %q in the log:\n%s", text, l)
		}
	}
}

func TestAContainerHasItsSessionsFolderItsLimitsAndLittleElse(t *testing.T) {
	t.Setenv("ENGINE_TOKEN", "secret")
	t.Setenv("TZ", "")
	for _, name := range dockertest.Names {
		t.Run(name, func(t *testing.T) {
			extra := t.TempDir()
			if err := os.WriteFile(filepath.Join(extra, "file"), []byte("extra"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(extra, 0o777); err != nil {
				t.Fatal(err)
			}
			c := newContainersWith(t, dockertest.New(t, name), func(d *lifecycle.Docker) {
				d.User, d.MemoryBytes, d.CPUs, d.Processes, d.TimeZone = "1000:1000", 256<<20, 0.5, 50, "Asia/Kolkata"
				d.Env = map[string]string{"KEY": "a hidden word", "WORD": ` a "b" 'c' $d \ # *`, "EMPTY": ""}
				d.Mounts = []lifecycle.Mount{{Source: extra, Target: "/extra", ReadOnly: true}}
			}, "show")
			// As engine serve --folder-owner and --dir-mode have it.
			if err := os.Chmod(c.folder, 0o777); err != nil {
				t.Fatal(err)
			}
			<-mustStart(t, c.Wakers).Done()
			var out struct {
				Env                                []string
				UID, GID                           int
				Status, Memory, Processes, Mounted string
				Interfaces                         []string
				RootWritable, ExtraWritable        bool
			}
			if err := json.Unmarshal([]byte(wait(t, filepath.Join(c.folder, "out"))), &out); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"KEY=a hidden word", `WORD= a "b" 'c' $d \ # *`, "EMPTY=", "TZ=Asia/Kolkata", "TWINBOX_SESSION=sess-1", "TWINBOX_WORKSPACE=/workspace"} {
				if !slices.Contains(out.Env, want) {
					t.Errorf("no %s in %q", want, out.Env)
				}
			}
			if slices.ContainsFunc(out.Env, func(v string) bool { return strings.Contains(v, "ENGINE_TOKEN") }) {
				t.Error("the agent was given the engine's token")
			}
			if !strings.Contains(c.log.String(), "the agent has started") {
				t.Errorf("what it printed is not in the log: %s", c.log)
			}
			c.wantNone(t)
			if !c.cli.Real {
				c.wantCall(t)
				return
			}
			if out.UID != 1000 || out.GID != 1000 || !slices.Equal(out.Interfaces, []string{"lo"}) || out.Mounted != "extra" || out.RootWritable || out.ExtraWritable {
				t.Errorf("got %+v", out)
			}
			for _, want := range []string{"CapBnd:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
				if !strings.Contains(out.Status, want) {
					t.Errorf("no %s in %s", want, out.Status)
				}
			}
			if strings.TrimSpace(out.Memory) != "268435456" || strings.TrimSpace(out.Processes) != "50" {
				t.Errorf("its limits are %s bytes and %s processes", out.Memory, out.Processes)
			}
		})
	}
}

// wantCall compares how a container was made with the file that says so.
func (c *containers) wantCall(t *testing.T) {
	t.Helper()
	calls := c.cli.Calls(t, "create")
	if len(calls) != 1 {
		t.Fatalf("it was made by %q", calls)
	}
	real, err := filepath.EvalSymlinks(c.data)
	if err != nil {
		t.Fatal(err)
	}
	mounts := c.config.AgentGroups["ag"].Docker.Mounts
	got := strings.NewReplacer(real, "DATA", c.Name(), "NAME", c.root, "ROOT", mounts[0].Source, "EXTRA").Replace(strings.Join(calls[0], "\n"))
	want, err := os.ReadFile("testdata/create")
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.TrimSpace(string(want)) {
		t.Errorf("it was made by\n%s\nwant\n%s", got, want)
	}
}

func TestStopEndsAContainer(t *testing.T) {
	for _, mode := range []string{"run", "stubborn"} {
		t.Run(mode, func(t *testing.T) {
			eachCommandLine(t, func(t *testing.T, cli dockertest.CommandLine) {
				c := newContainers(t, cli, mode)
				x := mustStart(t, c.Wakers)
				c.log.waitFor(t, "the agent has started")
				x.Stop()
				<-x.Done()
				c.wantNone(t)
				if obeyed := strings.Contains(c.log.String(), "was asked to end"); obeyed != (mode == "run") {
					t.Errorf("it ended by itself: %v; %s", obeyed, c.log)
				}
			})
		})
	}
}

// Lesson 32.
func TestAContainerThatOutlivesItsEngineIsTakenOver(t *testing.T) {
	eachCommandLine(t, func(t *testing.T, cli dockertest.CommandLine) {
		c := newContainers(t, cli, "run")
		mustStart(t, c.Wakers) // for an engine that dies now
		c.log.waitFor(t, "the agent has started")
		// The next one has another configuration.
		c.config = lifecycle.Config{}
		next := c.again(t)
		x, err := next.Adopt(t.Context(), session)
		if err != nil || x == nil {
			t.Fatalf("found %v, %v", x, err)
		}
		if all := c.list(t); len(all) != 1 || c.starts(t) != 1 {
			t.Fatalf("there are %v, after %d starts", all, c.starts(t))
		}
		x.Stop()
		<-x.Done()
		c.wantNone(t)
		mustFindNone(t, next)
	})
}

func TestAContainerThatEndedWithoutAnEngineIsTidied(t *testing.T) {
	eachCommandLine(t, func(t *testing.T, cli dockertest.CommandLine) {
		c := newContainers(t, cli, "exit", "3")
		// As an engine leaves it that is killed right after the start.
		c.leave(t, "start", "wait")
		x, err := c.Adopt(t.Context(), session)
		if err != nil || x == nil {
			t.Fatalf("found %v, %v", x, err)
		}
		<-x.Done()
		c.wantNone(t)
		for _, want := range []string{"the agent gives up", "status=3"} {
			if !strings.Contains(c.log.String(), want) {
				t.Errorf("%q is not in the log: %s", want, c.log)
			}
		}
		// And that is killed before the start.
		c.leave(t)
		mustFindNone(t, c.Wakers)
		c.wantNone(t)
	})
}

// leave makes a container, does something with it, and notes it as the engine
// does.
func (c *containers) leave(t *testing.T, verbs ...string) {
	t.Helper()
	name := "twinbox-" + c.Name() + "-" + session.ID
	call := func(args ...string) {
		if out, err := exec.Command(c.cli.Path, args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	call("create", "--name", name, "--label", "twinbox.data="+c.Name(), "--label", "twinbox.session="+session.ID,
		"--network", "none", "--log-driver", "json-file", "--mount", "type=bind,source="+c.folder+",target=/workspace",
		"--rootfs", c.root, "/agent", "exit", "/workspace", "3")
	for _, verb := range verbs {
		call(verb, name)
	}
	note, err := json.Marshal(map[string]string{"program": c.cli.Path, "data": c.Name()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.data, "run", session.ID+".container"), note, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A session has one container: who starts one ends what has its name.
func TestTwoEnginesNeverRunTwoContainersOfASession(t *testing.T) {
	eachCommandLine(t, func(t *testing.T, cli dockertest.CommandLine) {
		c := newContainers(t, cli, "run")
		first := mustStart(t, c.Wakers)
		c.log.waitFor(t, "the agent has started")
		// One that knows of no claim, as its registry is an older copy.
		second := mustStart(t, c.again(t))
		<-first.Done()
		// Not by what it printed: podman reads no more of that once it is removed.
		wait(t, filepath.Join(c.folder, "ended"))
		if all := c.list(t); len(all) != 1 {
			t.Fatalf("there are %v", all)
		}
		// It is the second's, and so is what is noted of it.
		third, err := c.again(t).Adopt(t.Context(), session)
		if err != nil || third == nil {
			t.Fatalf("found %v, %v", third, err)
		}
		second.Stop()
		<-second.Done()
		<-third.Done()
		c.wantNone(t)
	})
}

func TestAContainerThatCannotStartIsSaidSoAndLeavesNothing(t *testing.T) {
	eachCommandLine(t, func(t *testing.T, cli dockertest.CommandLine) {
		for _, x := range []struct {
			change func(*lifecycle.Docker)
			want   string
		}{
			{func(d *lifecycle.Docker) { d.Command = []string{"/no-such-agent"} }, "no-such-agent"},
			{func(d *lifecycle.Docker) { d.Rootfs, d.Image, d.Options = "", "localhost/no-such-image", nil }, "no-such-image"},
		} {
			c := newContainersWith(t, cli, x.change, "run")
			_, err := c.Start(t.Context(), session)
			if err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), filepath.Base(cli.Path)) {
				t.Errorf("got %v, want %q", err, x.want)
			}
			c.wantNone(t)
		}
	})
}

// It fetches an image, say, and the engine is to end.
func TestAStartThatIsCutShortLeavesNothing(t *testing.T) {
	cli := dockertest.New(t, "stand-in")
	slow := filepath.Join(t.TempDir(), "begun")
	script := "#!/bin/sh\nif [ \"$1\" = create ]; then echo > '" + slow + "'; exec sleep 1000; fi\nexec '" + cli.Path + "' \"$@\"\n"
	c := newContainersWith(t, cli, func(d *lifecycle.Docker) {
		d.CLI = filepath.Join(t.TempDir(), "docker")
		if err := os.WriteFile(d.CLI, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}, "run")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		wait(t, slow)
		cancel()
	}()
	if _, err := c.Start(ctx, session); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	c.wantNone(t)
}

func TestACommandLineThatIsNotThereIsSaidSo(t *testing.T) {
	c := newContainers(t, dockertest.CommandLine{Path: "/no/such/docker"}, "run")
	if _, err := c.Start(t.Context(), session); err == nil || !strings.Contains(err.Error(), "/no/such/docker") {
		t.Errorf("got %v", err)
	}
}

// While nobody answers, it is not known whether a container runs.
func TestADaemonThatIsAwayIsWaitedFor(t *testing.T) {
	cli := dockertest.New(t, "stand-in")
	c := newContainers(t, cli, "run")
	x := mustStart(t, c.Wakers)
	c.log.waitFor(t, "the agent has started")
	away := cli.Path + ".away"
	if err := os.Rename(cli.Path, away); err != nil {
		t.Fatal(err)
	}
	if y, err := c.again(t).Adopt(t.Context(), session); err == nil {
		t.Fatalf("found %v", y)
	}
	x.Stop()
	c.log.waitFor(t, "stop a container; will try again")
	select {
	case <-x.Done():
		t.Fatal("it was taken for ended")
	default:
	}
	if err := os.Rename(away, cli.Path); err != nil {
		t.Fatal(err)
	}
	<-x.Done()
	c.wantNone(t)
}

func TestAConfigurationOfContainersWithMistakesIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                      "either image or rootfs",
		`{"image": "a", "rootfs": "/b"}`:          "either image or rootfs",
		`{"image": "--privileged"}`:               "not an image's name",
		`{"rootfs": "/b"}`:                        "needs a docker.command",
		`{"rootfs": "b", "command": ["x"]}`:       `"b" is not an absolute path`,
		`{"image": "a", "cli": "./docker"}`:       "relative",
		`{"image": "a", "processes": -2}`:         "negative",
		`{"image": "a", "env": {"A B": "c"}}`:     "A B",
		`{"image": "a", "env": {"A": "b\nC=d"}}`:  "line break",
		`{"image": "a", "timeZone": "Mars/Base"}`: "Mars/Base",
		`{"image": "a", "dataDir": "data"}`:       `"data" is not`,
		`{"image": "a", "options": ["\u0000"]}`:   "NUL",
		`{"image": "a", "privileged": true}`:      "privileged",
		`{"image": "a", "mounts": [{"source": "/a,readonly=false", "target": "/b"}]}`: "commas",
		`{"image": "a", "mounts": [{"source": "/a", "target": "/workspace/"}]}`:       "/workspace/ is not free",
		`{"image": "a"}, "exec": {"command": ["x"]}`:                                  "exec and docker",
	} {
		_, err := lifecycle.ReadConfig(strings.NewReader(`{"agentGroups": {"a": {"docker": ` + text + `}}}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestAnotherConfigurationIsForWhatIsStartedNext(t *testing.T) {
	cli := dockertest.New(t, "stand-in")
	c := newContainers(t, cli, "run")
	x := mustStart(t, c.Wakers)
	c.log.waitFor(t, "the agent has started")
	if err := c.Reload(lifecycle.Config{MaxRunning: -1}); err == nil || !c.Wakes("ag") {
		t.Fatalf("mistakes were taken over: %v", err)
	}
	if err := c.Reload(lifecycle.Config{MaxRunning: 3}); err != nil || c.Wakes("ag") || c.MaxRunning() != 3 {
		t.Fatalf("it was not taken over: %v", err)
	}
	if _, err := c.Start(t.Context(), engine.Session{ID: "sess-2", AgentGroupID: "ag"}); err == nil {
		t.Error("one was started by the old configuration")
	}
	select {
	case <-x.Done():
		t.Error("what runs was ended")
	default:
	}
}
