package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"github.com/twinbox/twinbox/engine/agent"
)

// processEnv makes the test binary an agent of its own: a process that can be
// killed, with another time zone, beside others.
const processEnv = "AGENT_TEST_PROCESS"

func TestMain(m *testing.M) {
	config := os.Getenv(processEnv)
	if config == "" {
		os.Exit(m.Run())
	}
	os.Unsetenv(processEnv)
	cfg := agent.Config{Stderr: os.Stderr, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	err := json.Unmarshal([]byte(config), &cfg)
	if err == nil {
		err = agent.Run(context.Background(), cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process starts an agent as a process; it is killed when the test ends.
func process(t *testing.T, f *folder, cfg agent.Config, env ...string) (*exec.Cmd, *buffer) {
	t.Helper()
	f.complete(&cfg)
	// What cannot cross to a process is set there.
	config, err := json.Marshal(map[string]any{"Workspace": cfg.Workspace, "Command": cfg.Command, "Input": cfg.Input,
		"Poll": cfg.Poll, "Timeout": cfg.Timeout, "Grace": cfg.Grace, "Once": cfg.Once})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	logs := &buffer{}
	c := exec.Command(self)
	c.Env = append(append(os.Environ(), processEnv+"="+string(config)), env...)
	c.Stderr = logs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		// It may have ended by itself.
		_ = c.Process.Kill()
		<-done
		if t.Failed() {
			t.Log(logs.String())
		}
	})
	go func() {
		defer close(done)
		_ = c.Wait()
	}()
	return c, logs
}
