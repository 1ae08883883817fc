package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// silence is after how long a stream is taken for dead: the engine says
// something four times as often.
const silence = time.Minute

// eventQuery is which events are asked for.
type eventQuery struct {
	after, session string
	types          []string
	follow         bool
}

func newEventsCommand() *cobra.Command {
	r := &remote{}
	q := eventQuery{follow: true}
	c := &cobra.Command{Use: "events", Short: "Follow what happens in the engine", Args: cobra.NoArgs,
		Long: `Print what happens, as it happens, until interrupted. Each event has a cursor: with
--after, this command goes on behind it, and misses nothing of the last seven days
or 100,000 events. It comes back by itself when the engine is restarted.

RESYNC_REQUIRED tells that events are missing at that place: the cursor is too old,
or the engine did not end well. It passes every filter.`,
		Example: `  engine events
  engine events --after 0 --follow=false -o json
  engine events --session sess-0199… --type MESSAGE_WRITTEN --type MESSAGE_UPDATED -o ndjson`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			if q.follow && r.output == "json" {
				return failf(exitUsage, "events never end, so -o json would print nothing: take ndjson, or --follow=false")
			}
			if !q.follow && q.after == "" {
				return failf(exitUsage, "--follow=false prints what has happened since --after CURSOR; 0 is the oldest that is kept")
			}
			ctx, stop := interruptible(c.Context())
			defer stop()
			return r.followEvents(ctx, c.OutOrStdout(), q)
		}}
	r.bind(c)
	f := c.Flags()
	f.StringVar(&q.after, "after", "", "go on behind this cursor; 0 is the oldest event that is kept (default from now on)")
	f.StringVar(&q.session, "session", "", "only of this session")
	f.StringSliceVar(&q.types, "type", nil, "only of this type, such as MESSAGE_WRITTEN (repeatable)")
	f.BoolVar(&q.follow, "follow", q.follow, "wait for more")
	return c
}

// followEvents prints events. The end of ctx is no error.
func (r *remote) followEvents(ctx context.Context, w io.Writer, q eventQuery) error {
	var all []json.RawMessage
	err := r.follow(ctx, q, func(event json.RawMessage) error {
		switch {
		case event == nil:
			return nil
		case r.output == "json":
			all = append(all, event)
			return nil
		}
		return printEvent(w, r.output, event)
	})
	if err == nil && r.output == "json" && ctx.Err() == nil {
		return printRows(w, r.output, nil, all)
	}
	return err
}

// follow calls each for events, with nil where there is only a cursor, and
// comes back when a stream breaks off: to an engine that may have another URL
// by then. The end of ctx is no error.
func (r *remote) follow(ctx context.Context, q eventQuery, each func(event json.RawMessage) error) error {
	for begun := false; ; {
		c, err := r.client()
		if err == nil {
			err = c.streamEvents(ctx, q, func(cursor string, event json.RawMessage) error {
				begun = true
				q.after = cursor
				return each(event)
			})
		}
		if ctx.Err() != nil {
			return nil
		}
		if e, ok := errors.AsType[*exitError](err); err != nil && (!begun || !q.follow || !ok || e.code != exitUnavailable) {
			return err
		}
		if !q.follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askAgain):
		}
	}
}

// streamEvents reads a stream to its end. An event is nil where there is only
// a cursor.
func (c *client) streamEvents(ctx context.Context, q eventQuery, each func(cursor string, event json.RawMessage) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	values := url.Values{"follow": {strconv.FormatBool(q.follow)}}
	for name, value := range map[string]string{"after": q.after, "sessionId": q.session, "types": strings.Join(q.types, ",")} {
		if value != "" {
			values.Set(name, value)
		}
	}
	res, err := c.send(ctx, http.MethodGet, "/events?"+values.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var answer response
		if json.NewDecoder(res.Body).Decode(&answer) == nil && answer.err() != nil {
			err = answer.err()
		} else {
			err = statusError(res)
		}
		if code := exitCode(err); code == exitUnavailable {
			return &exitError{code, err}
		}
		return err
	}
	alive := time.AfterFunc(silence, cancel)
	defer alive.Stop()
	cursor, lines := "", bufio.NewScanner(res.Body)
	var event json.RawMessage
	for lines.Scan() {
		alive.Reset(silence)
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "id":
			cursor = value
		case name == "data":
			event = json.RawMessage(value)
			if !json.Valid(event) {
				return fmt.Errorf("the engine sent an event that is not JSON")
			}
		case lines.Text() == "" && cursor != "":
			if err := each(cursor, event); err != nil {
				return err
			}
			cursor, event = "", nil
		}
	}
	if err := lines.Err(); err != nil {
		return failf(exitUnavailable, "the engine's answer broke off: %w", err)
	}
	return nil
}

// printEvent prints an event; as a table, as a line of text, for there is no
// last row by which columns could be measured.
func printEvent(w io.Writer, format string, event json.RawMessage) error {
	if format == "ndjson" {
		return printLine(w, event)
	}
	_, err := fmt.Fprintf(w, "%6s  %s  %-16s", cell(dig(event, "cursor")), cell(dig(event, "at")), cell(dig(event, "type")))
	for _, name := range []string{"sessionId", "messageId", "replyId", "hookName", "operationId"} {
		if v := dig(event, name); v != nil && err == nil {
			_, err = fmt.Fprintf(w, "  %s", clip(cell(v)))
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}
