package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
)

func bindRetention(f *pflag.FlagSet, o *twinbox.Options) {
	age := func(p *time.Duration, name, usage string) { f.Var((*ageValue)(p), name, usage) }
	age(&o.Retention.CloseIdle, "close-idle-after", "close a session without message, reply or container for so long, in which nothing waits: 90d, 12h; 0 is never")
	age(&o.Retention.PruneFiles, "prune-files-after", "remove attachments of messages completed, and files of replies delivered, so long ago; 0 is never")
	age(&o.Retention.ArchiveClosed, "archive-after", "make an archive of the folder of a session that was closed so long ago; 0 is never")
	f.DurationVar(&o.RetainEvery, "retention-every", time.Hour, "how often these three are seen to")
}

func checkRetention(o twinbox.Options) error {
	if o.RetainEvery < time.Second {
		return failf(exitUsage, "--retention-every must be a second at least")
	}
	for flag, age := range map[string]time.Duration{"close-idle-after": o.Retention.CloseIdle, "prune-files-after": o.Retention.PruneFiles, "archive-after": o.Retention.ArchiveClosed} {
		if age != 0 && age < engine.MinRetention {
			return failf(exitUsage, "--%s %s is less than %s; 0 is never", flag, age, engine.MinRetention)
		}
	}
	return nil
}

// ageValue is a flag for a time that may be given in days.
type ageValue time.Duration

func (v *ageValue) String() string { return time.Duration(*v).String() }
func (v *ageValue) Type() string   { return "age" }

func (v *ageValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a time such as 90d, 36h or 90m", s)
	}
	*v = ageValue(d)
	return nil
}

const retentionFields = `policy { closeIdleAfterSeconds pruneFilesAfterSeconds archiveClosedAfterSeconds }
	steps { action sessionId files bytes archive problem } more`

func newRetentionCommand() *cobra.Command {
	r := &remote{}
	dry, most := false, maxPage
	c := &cobra.Command{Use: "retention [--dry-run]", Short: "Close, prune and archive now what the policy says", Args: cobra.NoArgs,
		Long: `Do now what the engine's retention policy says, which it does by itself every hour:
close idle sessions, remove files that were dealt with, archive the folders of closed
sessions. With --dry-run, list exactly what would be done, and do nothing.

The policy is in the flags of "engine serve": --close-idle-after, --prune-files-after
and --archive-after. Without them nothing is done.

Each run takes so many steps at most; as long as there may be more, it says so on
standard error. The exit code is 5 if something could not be done.`,
		Example: `  engine retention --dry-run
  engine retention --max 100 -o json | jq -r '.steps[].archive // empty'`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			report, err := r.retention(c, dry, most)
			if err != nil {
				return err
			}
			return printRetention(c, r.output, report)
		}}
	r.bind(c)
	c.Flags().BoolVar(&dry, "dry-run", false, "list what would be done, and do nothing")
	c.Flags().IntVar(&most, "max", most, "the most steps: 1 to 100")
	return c
}

func (r *remote) retention(c *cobra.Command, dry bool, most int) (json.RawMessage, error) {
	cl, err := r.client()
	if err != nil {
		return nil, err
	}
	if dry {
		return cl.find(c.Context(), "query($max: Int!) { retention(max: $max) { "+retentionFields+" } }", map[string]any{"max": most}, "retention")
	}
	payload, err := cl.mutate(c.Context(), "runRetention", "report { "+retentionFields+" }", map[string]any{"max": most})
	return dig(payload, "report"), err
}

func printRetention(c *cobra.Command, format string, report json.RawMessage) error {
	var all struct {
		Policy map[string]*int64
		Steps  []json.RawMessage
		More   bool
	}
	if err := json.Unmarshal(report, &all); err != nil {
		return fmt.Errorf("the engine's answer is no report: %w", err)
	}
	var err error
	if format == "json" {
		err = printOne(c.OutOrStdout(), format, report)
	} else {
		err = printRows(c.OutOrStdout(), format, []column{{"ACTION", "action"}, {"SESSION", "sessionId"}, {"FILES", "files"}, {"BYTES", "bytes"}, {"ARCHIVE", "archive"}, {"PROBLEM", "problem"}}, all.Steps)
	}
	if err != nil {
		return err
	}
	switch {
	case !slices.ContainsFunc(slices.Collect(maps.Values(all.Policy)), func(age *int64) bool { return age != nil }):
		fmt.Fprintln(c.ErrOrStderr(), "the engine keeps everything: it was started without --close-idle-after, --prune-files-after and --archive-after")
	case all.More:
		fmt.Fprintln(c.ErrOrStderr(), "there may be more: run it again")
	}
	failed := 0
	for _, s := range all.Steps {
		if p := dig(s, "problem"); p != nil && string(p) != "null" {
			failed++
		}
	}
	if failed > 0 {
		return failf(exitUnavailable, "%d could not be done", failed)
	}
	return nil
}

func (r *remote) sessionRestore() *cobra.Command {
	closed := false
	c := &cobra.Command{Use: "restore ARCHIVE", Short: "Make an archived session one like any other again", Args: cobra.ExactArgs(1),
		Long: `Make an archived session one like any other again, under its id, and remove the
archive. ARCHIVE is the session's id, or the path of its archive, which must lie in
the directory "archives" of the engine's data directory: copy one from elsewhere there.

The archive is checked first. Nothing that exists is written over: the exit code is 4
when the session or its folder exists, or when its conversation goes on in another
session; with --closed the session is restored to be read all the same.`,
		Example: `  engine session restore sess-0199…
  engine session restore /var/lib/twinbox/archives/sess-0199….tar --closed`,
		RunE: func(c *cobra.Command, args []string) error {
			id := strings.TrimSuffix(filepath.Base(args[0]), ".tar")
			return r.mutateAndPrint(c, "restoreSession", "session", "session { "+sessionFields+" }", map[string]any{"sessionId": id, "closed": closed}, nil)
		}}
	c.Flags().BoolVar(&closed, "closed", false, "restore it as a closed session")
	return c
}
