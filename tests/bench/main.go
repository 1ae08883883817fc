// Command bench measures Twinbox against a peer (tests/peer) and against what
// the disk and the libraries below it ask for, all in one run on one disk. It
// prints a table and writes the figures as JSON.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

type options struct {
	dir, engine, peer, web, json string
	only                         string
	rounds, pairs, sessions      int
	short, serveIdle             bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "dist", "directory on the disk to measure")
	flag.StringVar(&o.engine, "engine", "bin/engine", "the binary to measure over HTTP")
	flag.StringVar(&o.peer, "peer", "tests/peer", "folder of the peer, with its node_modules")
	flag.StringVar(&o.web, "web", "tests/web", "folder of the console's tests, with its node_modules")
	flag.StringVar(&o.json, "json", "dist/bench.json", "where to write the figures")
	flag.StringVar(&o.only, "only", "", "measure a part: sessions, hooks, passing, delivery, console or memory")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each operation is measured; medians are shown")
	flag.IntVar(&o.pairs, "pairs", 4000, "turns of each side, of 20 ms, that the part passing measures")
	flag.IntVar(&o.sessions, "sessions", 100_000, "sessions for the memory row; 0 leaves it out")
	flag.BoolVar(&o.short, "short", false, "one round and 1,000 sessions: to see that all of it works")
	flag.BoolVar(&o.serveIdle, "serve-idle", false, "be the server that does nothing (the benchmark starts it itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := measureAll
	if o.serveIdle {
		run = func(context.Context, options) error { return serveIdle() }
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measureAll(ctx context.Context, o options) (err error) {
	load, idle := 2*time.Second, 3*time.Minute
	if o.short {
		o.rounds, o.pairs, o.sessions, load, idle = 1, min(o.pairs, 10), min(o.sessions, 1000), time.Second/2, time.Second
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	r := report{At: time.Now().UTC().Truncate(time.Second), Rounds: o.rounds}
	if r.Machine, err = describe(dir); err != nil {
		return err
	}
	say(r.Machine.String())
	for _, part := range []struct {
		name    string
		measure func(context.Context, options, string, time.Duration) ([]result, error)
	}{{"sessions", measureRows}, {"hooks", measureHooks}, {"passing", measurePassing}, {"delivery", measureDelivery}, {"console", measureConsole}} {
		if o.only != "" && o.only != part.name {
			continue
		}
		rows, err := part.measure(ctx, o, dir, load)
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, rows...)
	}
	if o.sessions > 0 && (o.only == "" || o.only == "memory") {
		say(fmt.Sprintf("making %d sessions for the memory row", o.sessions))
		m, err := measureMemory(ctx, o.engine, filepath.Join(dir, "memory"), o.sessions, idle)
		if err != nil {
			return err
		}
		r.Memory = &m
	}
	fmt.Println(r.Machine)
	if len(r.Rows) > 0 {
		fmt.Println()
		fmt.Print(r.table())
	}
	if r.Memory != nil {
		fmt.Println()
		fmt.Println(r.Memory)
	}
	return r.save(o.json)
}

func say(progress string) { fmt.Fprintln(os.Stderr, progress) }
