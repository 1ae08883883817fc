package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
)

const (
	demoChannel           = "demo"
	demoWidth, demoHeight = 640, 400
	// demoScale is how much smaller the agent's thumbnail is.
	demoScale = 4
)

func newDemoCommand() *cobra.Command {
	data, once, timeout := "", false, time.Minute
	c := &cobra.Command{Use: "demo", Short: "Show the whole way of a message, with a picture and a real agent", Args: cobra.NoArgs,
		Long: `Start an engine on a data directory (a temporary one unless --data is given),
install two hooks, write a message with a picture through GraphQL, show what the
hooks made of it, let a separate agent process look at the picture and answer, read the answer back through GraphQL, and have it
pushed to a webhook. Then have some more conversations, not all of which go
well, print an address that opens all of it in the web console, and go on
serving until interrupted, with the agent still listening.

Fails if any step does.`,
		Example: "  engine demo\n  engine demo --once --data ./demo-data",
		RunE: func(c *cobra.Command, _ []string) error {
			return runDemo(c, data, once, timeout)
		}}
	c.Flags().StringVar(&data, "data", "", "the data directory (default: a new temporary one, which stays)")
	c.Flags().BoolVar(&once, "once", false, "end after the answer instead of serving on")
	c.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait for the answer")
	return c
}

// demo is one run: what it talks to, and what it has made so far.
type demo struct {
	out     io.Writer
	steps   int
	data    string
	client  *client
	group   string
	session struct{ ID, Folder string }
	message string
	hooked  bool
}

func runDemo(c *cobra.Command, data string, once bool, timeout time.Duration) (err error) {
	ctx, stop := interruptible(c.Context())
	defer stop()
	if data == "" {
		if data, err = os.MkdirTemp("", "twinbox-demo-"); err != nil {
			return fmt.Errorf("make a data directory: %w", err)
		}
	}
	if data, err = filepath.Abs(data); err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := serverConfig{data: data, listen: "127.0.0.1:0", token: os.Getenv("ENGINE_TOKEN"), grace: 10 * time.Second, log: log}
	cfg.options.Log, cfg.options.Limits = log, engine.DefaultLimits()
	cfg.options.WebhookAllowPrivate = true // the demo's receiver is on this machine
	s, err := startServer(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	cl, err := newClient(s.url, s.token)
	if err != nil {
		return err
	}
	d := &demo{out: c.OutOrStdout(), data: data, client: cl}
	d.step("The engine serves %s/graphql, on the data directory\n    %s", s.url, data)
	if err := d.begin(ctx); err != nil {
		return err
	}
	a, err := d.startAgent(ctx, c.ErrOrStderr())
	if err != nil {
		return err
	}
	// After an interrupt there is still the agent to end and to report.
	defer func() { err = errors.Join(err, d.stopAgent(context.WithoutCancel(ctx), a)) }()
	if err := d.answer(ctx, a, timeout); err != nil {
		if ctx.Err() != nil {
			return failf(exitFailure, "the demo was interrupted")
		}
		return err
	}
	if err := d.explore(); err != nil {
		return err
	}
	if err := d.deliver(ctx, timeout); err != nil {
		return err
	}
	if once {
		fmt.Fprintf(d.out, "\nThe demo is over. To serve its data: %s serve --data %s\n", os.Args[0], data)
		return nil
	}
	if err := d.populate(ctx); err != nil {
		return err
	}
	if err := d.invite(s); err != nil {
		return err
	}
	d.step("Or look at it all in the console (the address signs in once; engine console prints another):\n  %s", s.signInURL())
	fmt.Fprint(d.out, "\nThe engine and the agent go on until you press Ctrl-C.\n")
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return fmt.Errorf("serve: %w", err)
	}
}

func (d *demo) step(format string, args ...any) {
	d.steps++
	fmt.Fprintf(d.out, "\n%d. %s\n", d.steps, fmt.Sprintf(format, args...))
}

func (d *demo) show(name string, value any) { fmt.Fprintf(d.out, "    %-14s %v\n", name, value) }

// begin makes a conversation and writes a message with a picture to it.
func (d *demo) begin(ctx context.Context) error {
	d.step("Whom is it for, and where is it said? An agent group, a chat, and their session:")
	group, err := d.client.mutate(ctx, "createAgentGroup", "agentGroup { id }", map[string]any{"name": "Picture lookers"})
	if err != nil {
		return fmt.Errorf("create an agent group: %w", err)
	}
	d.group = text(group, "agentGroup", "id")
	chat, err := d.client.mutate(ctx, "ensureMessagingGroup", "messagingGroup { id }",
		map[string]any{"channelType": demoChannel, "platformId": "living-room", "name": "Living room"})
	if err != nil {
		return fmt.Errorf("ensure a messaging group: %w", err)
	}
	chatID := text(chat, "messagingGroup", "id")
	resolved, err := d.client.mutate(ctx, "resolveSession", "session { id folder }", map[string]any{"agentGroupId": d.group, "messagingGroupId": chatID})
	if err != nil {
		return fmt.Errorf("resolve the session: %w", err)
	}
	if err := json.Unmarshal(dig(resolved, "session"), &d.session); err != nil {
		return fmt.Errorf("resolve the session: %w", err)
	}
	d.show("agent group", d.group)
	d.show("chat", chatID)
	d.show("session", d.session.ID)

	if err := d.installHooks(ctx); err != nil {
		return err
	}
	picture, err := drawPicture(demoWidth, demoHeight)
	if err != nil {
		return err
	}
	picture = noteOnPicture(picture, demoNote)
	written, err := d.client.mutate(ctx, "writeMessage", "message { messageId seq status contentText attachments { path size } }", map[string]any{
		"sessionId": d.session.ID,
		"content": map[string]any{"text": demoText, "attachments": []any{
			map[string]any{"name": "sunset.png", "mimeType": "image/png", "data": base64.StdEncoding.EncodeToString(picture)}}},
	})
	if err != nil {
		return fmt.Errorf("write the message: %w", err)
	}
	d.message = text(written, "message", "messageId")
	d.step("A message goes in, %q, with a picture of %d×%d pixels (%s) that says where it was taken. It is a row of inbound.db now, and the picture a file:",
		demoText, demoWidth, demoHeight, humanize.IBytes(uint64(len(picture))))
	if err := flatten(dig(written, "message"), "", func(key string, value json.RawMessage) { d.show(key, summary(value)) }); err != nil {
		return err
	}
	return d.checkHooks(written, picture)
}

// summary is a JSON value for a person: of files, their paths and sizes.
func summary(v json.RawMessage) string {
	var files []file
	if json.Unmarshal(v, &files) != nil {
		return cell(v)
	}
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s (%s)", printable(f.Path), humanize.IBytes(uint64(f.Size)))
	}
	return b.String()
}

// answer waits for the agent's reply and shows it.
func (d *demo) answer(ctx context.Context, a *demoAgent, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no reply within %s", timeout))
	defer cancel()
	// Without an agent there is nothing to wait for.
	go func() {
		select {
		case <-a.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	reply, err := d.client.waitForReply(ctx, d.session.ID, d.message)
	if a.ended() {
		return fmt.Errorf("there is no reply: %w", a.err)
	}
	if err != nil {
		return fmt.Errorf("wait for the reply: %w", errors.Join(err, context.Cause(ctx)))
	}
	d.step("The answer comes out of outbound.db:")
	if err := flatten(reply, "", func(key string, value json.RawMessage) {
		switch key {
		case "replyId", "seq", "inReplyTo", "content.text", "attachments":
			d.show(key, summary(value))
		}
	}); err != nil {
		return err
	}
	return d.checkThumbnail(ctx, reply)
}

// checkThumbnail downloads the reply's file and looks at it.
func (d *demo) checkThumbnail(ctx context.Context, reply json.RawMessage) error {
	var files []file
	if err := json.Unmarshal(dig(reply, "attachments"), &files); err != nil || len(files) != 1 {
		return fmt.Errorf("the reply should have one file, it has %s", dig(reply, "attachments"))
	}
	res, err := d.client.send(ctx, http.MethodGet, files[0].URL, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("download %s: %w", files[0].Path, statusError(res))
	}
	thumbnail, err := png.Decode(res.Body)
	if err != nil {
		return fmt.Errorf("the agent's %s is not a picture: %w", files[0].Path, err)
	}
	size := thumbnail.Bounds().Size()
	if size.X != demoWidth/demoScale || size.Y != demoHeight/demoScale {
		return fmt.Errorf("the agent's picture has %d×%d pixels, not %d×%d", size.X, size.Y, demoWidth/demoScale, demoHeight/demoScale)
	}
	d.show("downloaded", fmt.Sprintf("%s, a picture of %d×%d pixels", files[0].Name, size.X, size.Y))
	return nil
}

// text is a string in JSON; "" where there is none.
func text(v json.RawMessage, path ...string) string {
	var s string
	if json.Unmarshal(dig(v, path...), &s) != nil {
		return ""
	}
	return s
}
