package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// restartHooks are installed when a restart is measured.
const restartHooks = 20

// measureHooks measures all that concerns hooks, in dir.
func measureHooks(ctx context.Context, o options, dir string, _ time.Duration) (_ []result, err error) {
	folder := filepath.Join(dir, "guests")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	say("building and installing hooks")
	g, err := buildGuests(ctx, folder, filepath.Join(o.peer, "extism"))
	if err != nil {
		return nil, err
	}
	extism := &benchmark{func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(folder, "extism"), g.path("extism"))
	}, nil}
	h, err := openHookHost(filepath.Join(dir, "hooks"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	rows, closeFloors, err := callRows(ctx, h, g, extism)
	defer closeFloors()
	if err != nil {
		return nil, err
	}
	for _, s := range storms() {
		if err := h.install(ctx, s.name, s.module); err != nil {
			return nil, err
		}
		rows = append(rows, row{name: "stopped: " + s.name, unit: perCall, atMost: 50 * time.Millisecond, ours: h.stop(s)})
	}
	rows = append(rows, row{name: "a collection during memory-chase", unit: perCall, atMost: 50 * time.Millisecond, ours: h.collect("memory-chase")})
	copies := restartHooks
	if o.short {
		copies = 2
	}
	module, err := g.read("look")
	if err != nil {
		return nil, err
	}
	again, err := newRestart(ctx, o.engine, filepath.Join(dir, "restart"), module, copies)
	if err != nil {
		return nil, err
	}
	rows = append(rows, row{
		name: fmt.Sprintf("restart with %d Go hooks, a message through all", copies), unit: perCall, atMost: time.Second,
		ours: again.side,
	})
	return run(ctx, rows, o.rounds, extism.run, say)
}

// callRows are of single calls, in this process.
func callRows(ctx context.Context, h *hookHost, g guests, extism *benchmark) (_ []row, closeFloors func(), err error) {
	floors := map[string]*bare{}
	closeFloors = func() {
		for _, b := range floors {
			// Nothing of a runtime outlives this process.
			_ = b.close(ctx)
		}
	}
	for _, name := range []string{"pass", "rewrite"} {
		module, err := g.read(name)
		if err != nil {
			return nil, closeFloors, err
		}
		if err := h.install(ctx, name, module); err != nil {
			return nil, closeFloors, err
		}
		if floors[name], err = openBare(ctx, module); err != nil {
			return nil, closeFloors, err
		}
	}
	if err := h.install(ctx, "script", rewriteScript); err != nil {
		return nil, closeFloors, err
	}
	return []row{
		{
			name: "hook call that passes, Go", unit: perCall, atMost: time.Microsecond, allocFree: true,
			ours: h.pass("pass"), peer: extism.side("pass"),
			floors: []floor{{"wazero", floors["pass"].pass}},
		},
		{
			name: "hook that rewrites 100 bytes of JSON, Go", unit: perCall, atMost: 40 * time.Microsecond,
			ours: h.rewrite("rewrite"), peer: extism.side("rewrite_limited"),
			floors: []floor{{"wazero", floors["rewrite"].rewrite}},
		},
		{
			name: "the same, a script", unit: perCall, atMost: 100 * time.Microsecond,
			ours: h.rewrite("script"),
		},
		{
			name: "1 MiB through a hook and back, Go", unit: perCall, atMost: time.Millisecond,
			ours: h.megabyte("rewrite"), peer: extism.side("megabyte"),
			floors: []floor{{"wazero", floors["rewrite"].megabyte}},
		},
	}, closeFloors, nil
}
