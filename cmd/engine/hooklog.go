package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// maxHookLog is the most lines that the API gives.
const maxHookLog = 1000

func (r *remote) hookLogs() *cobra.Command {
	last, follow := 100, false
	c := &cobra.Command{Use: "logs NAME", Short: "Print what a hook logged, and what the engine noted of it", Args: cobra.ExactArgs(1),
		Long: `Print what a hook logged, oldest first, and what the engine noted of it: failures,
and lines that were left out because a call logged too much. The engine keeps the
newest lines, since its start.`,
		Example: `  engine hook logs redact --last 20
  engine hook logs redact --follow`,
		ValidArgsFunction: r.hookNames,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			if last < 1 || last > maxHookLog {
				return failf(exitUsage, "--last is between 1 and %d", maxHookLog)
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			n := last
			if follow {
				n = maxHookLog // what is new must overlap with what was seen
			}
			lines, err := cl.hookLog(c.Context(), args[0], n)
			if err != nil {
				return err
			}
			first := lines[max(0, len(lines)-last):]
			if !follow {
				return printLog(c.OutOrStdout(), r.output, first)
			}
			if r.output == "json" {
				return failf(exitUsage, "--follow never ends, so -o json would print nothing: take ndjson")
			}
			ctx, stop := interruptible(c.Context())
			defer stop()
			return cl.followHookLog(ctx, c.OutOrStdout(), r.output, args[0], lines, first)
		}}
	c.Flags().IntVar(&last, "last", last, "so many of the newest lines")
	c.Flags().BoolVar(&follow, "follow", false, "go on with lines as they come, until interrupted")
	return c
}

func (c *client) hookLog(ctx context.Context, name string, last int) ([]json.RawMessage, error) {
	return c.rows(ctx, "query($name: ID!, $last: Int!) { hook(name: $name) { log(last: $last) { at level message } } }",
		map[string]any{"name": name, "last": last}, "hook", "log")
}

// followHookLog prints first, and then lines that are not among seen, until
// ctx ends, which is no error.
func (c *client) followHookLog(ctx context.Context, w io.Writer, format, name string, seen, first []json.RawMessage) error {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for fresh := first; ; {
		if err := printLog(w, format, fresh); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		lines, err := c.hookLog(ctx, name, maxHookLog)
		if ctx.Err() != nil {
			return nil
		}
		if e, ok := errors.AsType[*exitError](err); ok && e.code == exitUnavailable {
			fresh = nil // it restarts: what it logs then is new
			continue
		}
		if err != nil {
			return err
		}
		fresh, seen = lines[overlap(seen, lines):], lines
	}
}

// overlap is how many lines at the beginning of lines are the end of seen.
func overlap(seen, lines []json.RawMessage) int {
	same := func(a, b json.RawMessage) bool { return string(a) == string(b) }
	for n := min(len(seen), len(lines)); n > 0; n-- {
		if slices.EqualFunc(seen[len(seen)-n:], lines[:n], same) {
			return n
		}
	}
	return 0
}

// printLog prints lines; as a table, each as a line of text, for that is what
// a log is read as.
func printLog(w io.Writer, format string, lines []json.RawMessage) error {
	if format != "table" {
		return printRows(w, format, nil, lines)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "%s %-5s %s\n", cell(dig(line, "at")), cell(dig(line, "level")), cell(dig(line, "message"))); err != nil {
			return err
		}
	}
	return nil
}
