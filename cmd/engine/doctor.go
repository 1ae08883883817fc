package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
)

func newDoctorCommand() *cobra.Command {
	var data, output string
	o := twinbox.CheckOptions{}
	folders := folderFlags{}
	c := &cobra.Command{Use: "doctor", Short: "Check a data directory, and repair it", Args: cobra.NoArgs,
		Long: fmt.Sprintf(`Compare a data directory with what the folder protocol promises: the registry, each
session's files and databases, every message and reply in them, and what crashes
left behind. Each thing that is wrong is named with what to do about it.

The engine must not be running on the directory; containers may be.

Nothing in a session's folder is changed without --repair. With it, what can be
mended without a loss is: a journal that a crash left is rolled back, missing tables
and columns are added, destinations are written again, acknowledgements copied,
leftovers of unfinished writes removed. The rest is said, and left alone.

Exit code 0: all is well, or was repaired. %d: something is wrong. %d: an engine is
running on the directory.

Modes are checked where --dir-mode or --file-mode are given, owners where
--folder-owner is: give those that the engine is started with.`, exitUnhealthy, exitInUse),
		Example: `  engine doctor --data /var/lib/twinbox
  engine doctor --data /var/lib/twinbox --repair
  engine doctor -o json | jq -r '.[] | select(.repaired | not) | .session'`,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return failf(exitUsage, "-o %q is not table or json", output)
			}
			if err := folders.apply(&o.Options); err != nil {
				return err
			}
			o.Modes = c.Flags().Changed("dir-mode") || c.Flags().Changed("file-mode")
			o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			return doctor(c, data, output, o)
		}}
	f := c.Flags()
	f.StringVar(&data, "data", defaultData(), "the data directory")
	f.BoolVar(&o.Repair, "repair", false, "mend what can be mended without a loss")
	f.StringVarP(&output, "output", "o", "table", "table or json")
	must(c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	folders.bind(f)
	return c
}

func doctor(c *cobra.Command, data, output string, o twinbox.CheckOptions) error {
	ctx, stop := interruptible(c.Context())
	defer stop()
	findings := []engine.Finding{}
	err := twinbox.Check(ctx, data, o, func(f engine.Finding) { findings = append(findings, f) })
	if errors.Is(err, twinbox.ErrLocked) {
		return &exitError{code: exitInUse, err: err}
	}
	// What was found until it failed is worth knowing, too.
	if perr := printFindings(c.OutOrStdout(), output, findings); perr != nil {
		return errors.Join(err, perr)
	}
	if err != nil {
		return err
	}
	wrong := 0
	for _, f := range findings {
		if !f.Repaired {
			wrong++
		}
	}
	switch repaired := len(findings) - wrong; {
	case wrong > 0 && repaired > 0:
		return failf(exitUnhealthy, "repaired %d, still wrong %d", repaired, wrong)
	case wrong > 0:
		return failf(exitUnhealthy, "found %d", wrong)
	case repaired > 0:
		fmt.Fprintf(c.ErrOrStderr(), "repaired %d; all is well\n", repaired)
	default:
		fmt.Fprintln(c.ErrOrStderr(), "all is well")
	}
	return nil
}

func printFindings(w io.Writer, output string, findings []engine.Finding) error {
	if output == "json" {
		type finding struct {
			Session  string `json:"session,omitempty"`
			File     string `json:"file"`
			Problem  string `json:"problem"`
			Advice   string `json:"advice"`
			Repaired bool   `json:"repaired"`
		}
		rows := make([]finding, len(findings))
		for i, f := range findings {
			rows[i] = finding(f)
		}
		b, err := json.Marshal(rows)
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		return printJSON(w, b)
	}
	if len(findings) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SESSION\tFILE\tPROBLEM\tWHAT TO DO")
	for _, f := range findings {
		session, advice := f.Session, f.Advice
		if session == "" {
			session = "-"
		}
		if f.Repaired {
			advice = "repaired"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printable(session), printable(f.File), printable(f.Problem), printable(advice))
	}
	return t.Flush()
}
