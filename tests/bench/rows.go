package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// measureRows starts all sides in dir, measures, and stops them.
func measureRows(ctx context.Context, o options, dir string, loadTime time.Duration) (_ []result, err error) {
	for _, name := range []string{"peer", "floor"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	lib, err := openLibrary(ctx, filepath.Join(dir, "library"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lib.host.Close()) }()
	fresh, err := lib.newSession(ctx)
	if err != nil {
		return nil, err
	}
	bare := disk{dir: filepath.Join(dir, "floor"), session: lib.folder(fresh)}

	p := &peer{folder: o.peer, dir: filepath.Join(dir, "peer")}
	peerAddress, stopPeer, err := p.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stopPeer()
	idleAddress, stopIdle, err := startIdle(ctx)
	if err != nil {
		return nil, err
	}
	defer stopIdle()
	ours, err := serve(ctx, o.engine, filepath.Join(dir, "served"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.process.Stop()) }()
	nodes := p.benchmark("session")
	theirs := peerServed{peerAddress, engineproc.NewClient("http://"+peerAddress, "")}
	idle := func(ctx context.Context, _ int) (sample, error) {
		return load(ctx, sessionTarget(idleAddress, "/", "", "sess-1"), loadTime)
	}

	return run(ctx, []row{
		{
			name: "create a session, durable", unit: perCall, timesPeer: 5, timesFloor: 1.3,
			ours: lib.create, peer: nodes.side("resolve_create"),
			floors: []floor{{"the same fsyncs", bare.create}},
		},
		{
			name: "find a session", unit: perCall, timesPeer: 1.5,
			ours: lib.find, peer: nodes.side("resolve_find"),
		},
		{
			name: "write, one caller", unit: perCall, timesPeer: 1.15,
			ours: lib.write(1, writes, 1), peer: nodes.side("write"),
			floors: []floor{
				{"kept open, FULL", bare.commits("FULL", 1, writes, 1)},
				{"kept open, EXTRA", bare.commits("EXTRA", 1, writes, 1)},
			},
		},
		{
			name: "write, 64 callers, one session", unit: perSecond, timesPeer: 30,
			ours: lib.write(64, bursts, 1), peer: nodes.side("write"),
			floors: []floor{{"100 rows a commit", bare.commits("FULL", 1, 64*bursts/100, 100)}},
		},
		{
			name: "write, 64 callers, 64 sessions", unit: perSecond, timesPeer: 3, timesFloor: 0.85,
			ours: lib.write(64, spreads, 64), peer: nodes.side("write"),
			floors: []floor{
				{"one commit each, FULL", bare.commits("FULL", 64, spreads, 1)},
				{"one commit each, EXTRA", bare.commits("EXTRA", 64, spreads, 1)},
			},
		},
		{
			name: "write with a 1 MiB attachment", unit: perCall, timesPeer: 1.5,
			ours: lib.writeAttachment, peer: nodes.side("write_attachment_1mib"),
			floors: []floor{{"decode, write, fsync", bare.attachment}},
		},
		{
			name: "writeMessage over HTTP, 64 connections, one session", unit: perSecond, timesPeer: 30,
			ours: ours.write(loadTime), peer: theirs.write(loadTime),
		},
		{
			name: "session(id) over HTTP, 64 connections", unit: perSecond, timesPeer: 8,
			ours: ours.query(loadTime), peer: theirs.query(loadTime),
			floors: []floor{{"gqlgen, idle", idle}},
		},
	}, o.rounds, nodes.run, say)
}
