package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureDelivery measures looks for replies and for what is due, and how soon
// a reply goes out.
func measureDelivery(ctx context.Context, o options, dir string, _ time.Duration) (_ []result, err error) {
	peerDir := filepath.Join(dir, "peer-poll")
	if err := os.Mkdir(peerDir, 0o700); err != nil {
		return nil, err
	}
	nodes := (&peer{folder: o.peer, dir: peerDir}).benchmark("poll")
	data := filepath.Join(dir, "looked")
	lib, err := openLibrary(ctx, data)
	if err != nil {
		return nil, err
	}
	s, err := lib.newSession(ctx)
	if err = errors.Join(err, lib.host.Close()); err != nil {
		return nil, err
	}
	out, err := openOutbound(ctx, data, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	rows := []row{
		{name: "look for new replies, 10,000 old ones", unit: perCall, atMost: 300 * time.Microsecond,
			ours: out.look(time.Millisecond), peer: nodes.side("poll_10000_old")},
		{name: "the same, the file is as it was", unit: perCall, ours: out.look(0), peer: nodes.side("poll_10000_old")},
	}
	for _, sessions := range []int{1000, 10_000, 100_000} {
		if o.short && sessions > 1000 {
			break
		}
		say(fmt.Sprintf("making %d sessions of which some are due", sessions))
		r, err := openDue(ctx, dir, sessions)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		rows = append(rows, row{name: fmt.Sprintf("one sweep, %d due of %d sessions", dueSessions, sessions), unit: perCall, ours: sweep(r)})
	}
	to := receive()
	defer to.Close()
	served, err := serveDelivering(ctx, o, dir, to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, served.process.Stop()) }()
	replies := 20
	if o.short {
		replies = 2
	}
	rows = append(rows, row{name: fmt.Sprintf("a reply's row to the webhook's first byte, %d sessions", deliverTo), unit: perCall,
		atMost: 20 * time.Millisecond, ofTail: true, ours: served.deliver(to, replies)})
	return run(ctx, rows, o.rounds, nodes.run, say)
}
