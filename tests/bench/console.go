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

// longSide is how many messages the long session has, and how many replies.
const longSide = 25_000

// measureConsole measures the console in a browser, in a session of 50,000
// messages and replies.
func measureConsole(ctx context.Context, o options, dir string, _ time.Duration) (_ []result, err error) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		say("the console is left out: there is no chromium")
		return nil, nil
	}
	s, err := serve(ctx, o.engine, filepath.Join(dir, "console"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.process.Stop()) }()
	session, err := s.longSession(ctx)
	if err != nil {
		return nil, err
	}
	browser := &benchmark{func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "node", "bench.mjs", "http://"+s.process.Address, session, fmt.Sprint("Answer ", longSide))
		cmd.Dir = o.web
		cmd.Env = append(os.Environ(), "ENGINE_TOKEN="+s.process.Token, "TWINBOX_TEST_CHROMIUM="+chromium)
		return cmd
	}, nil}
	return run(ctx, []row{
		{name: "console, first screen readable", unit: perCall, ours: browser.side("first"), atMost: 500 * time.Millisecond},
		{name: "console, session of 50,000 messages open", unit: perCall, ours: browser.side("long"), atMost: time.Second},
		{name: "console, a frame of scrolling it (p99: the longest)", unit: perCall, ours: browser.side("frame"), atMost: 50 * time.Millisecond, ofTail: true},
	}, o.rounds, browser.run, say)
}

// longSession is a session in which messages and replies follow each other by
// the second. Some fail, for the first screen to count.
func (s *served) longSession(ctx context.Context) (id string, err error) {
	if id, err = s.newSession(ctx, "ag"); err != nil {
		return "", err
	}
	var out struct{ Session struct{ Folder string } }
	if err := s.process.Query(ctx, `query($id: ID!) { session(id: $id) { folder } }`, map[string]any{"id": id}, &out); err != nil {
		return "", err
	}
	folder := filepath.Join(s.data, filepath.FromSlash(out.Session.Folder))
	begun := time.Now().Unix() - 2*longSide - 1
	at := func(plus int) string {
		return fmt.Sprintf(`strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', %d + 2 * i + %d, 'unixepoch')`, begun, plus)
	}
	return id, errors.Join(
		fill(filepath.Join(folder, "inbound.db"), longSide, `INSERT INTO delivered (message_out_id, status, delivered_at) SELECT 'r' || i, iif(i % 1000, 'delivered', 'failed'), `+at(1)+` FROM n`),
		fill(filepath.Join(folder, "inbound.db"), longSide, `INSERT INTO messages_in (id, seq, kind, timestamp, status, content) SELECT 'm' || i, 2 * i, 'chat', `+at(0)+`, iif(i % 1000, 'completed', 'failed'),
			json_object('text', 'Question ' || i || substr(' that takes a line or two to ask, now and then, and sometimes three, so that not all rows are as high', 1, i % 90)) FROM n`),
		fill(filepath.Join(folder, "outbound.db"), longSide, `INSERT INTO messages_out (id, seq, in_reply_to, timestamp, kind, content) SELECT 'r' || i, 2 * i + 1, 'm' || i, `+at(1)+`, 'chat',
			json_object('text', 'Answer ' || i) FROM n`))
}
