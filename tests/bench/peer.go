package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

type peer struct {
	folder string // of its scripts, with node_modules
	dir    string // where it keeps its data
}

// benchmark measures a part of what the peer does: "session" or "poll".
func (p *peer) benchmark(part string) *benchmark {
	return &benchmark{func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "node", "bench.mjs", p.dir, part)
		cmd.Dir = p.folder
		return cmd
	}, nil}
}

// benchmark is a program that measures one side of many rows in one go.
type benchmark struct {
	command func(context.Context) *exec.Cmd
	round   map[string]sample
}

// run runs the program; sides then read this round's samples.
func (b *benchmark) run(ctx context.Context) error {
	cmd := b.command(ctx)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s (is node installed, and was npm ci run in %s?): %w", cmd, cmd.Dir, err)
	}
	b.round = map[string]sample{}
	for line := range bytes.Lines(out) {
		var r struct {
			Op        string  `json:"op"`
			OpsPerSec float64 `json:"ops_per_s"`
			P50       float64 `json:"p50_ms"`
			P99       float64 `json:"p99_ms"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("%s: %w", cmd, err)
		}
		b.round[r.Op] = sample{PerSecond: r.OpsPerSec, P50Micros: r.P50 * 1000, P99Micros: r.P99 * 1000}
	}
	return nil
}

func (b *benchmark) side(op string) side {
	return func(context.Context, int) (sample, error) {
		s, ok := b.round[op]
		if !ok {
			return sample{}, fmt.Errorf("there is no measurement of %q", op)
		}
		return s, nil
	}
}

// serve starts the peer's server and returns its address and what stops it.
func (p *peer) serve(ctx context.Context) (address string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, "node", "serve.mjs", port, p.dir)
	cmd.Dir = p.folder
	_, stop, err = startServer(cmd, "listening on")
	return "127.0.0.1:" + port, stop, err
}

// startServer starts cmd and returns the line with ready in it when it prints one.
func startServer(cmd *exec.Cmd, ready string) (line string, stop func(), err error) {
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		// It is killed: how it ends is of no interest.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		if strings.Contains(s.Text(), ready) {
			return s.Text(), stop, nil
		}
	}
	stop()
	return "", nil, errors.New(cmd.String() + " ended before it listened")
}

// freePort asks the system for a port; the peer cannot choose one itself.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
