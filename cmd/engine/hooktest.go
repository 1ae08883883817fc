package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

func newHookTestCommand() *cobra.Command {
	f, dir, update := trialFlags{}, "", false
	c := &cobra.Command{Use: "test [FILE|DIR]", Short: "Run a hook on its fixtures, and show what differs", Args: cobra.MaximumNArgs(1),
		Long: fmt.Sprintf(`Run a hook on its fixtures, each on a fresh instance, and show what differs. A
fixture is two files in "fixtures" beside the hook:

  NAME.input.json     what it is given; all that is left out is made up
  NAME.expected.json  what it should answer; {"action":"pass"} for nothing

and for an attachment NAME.input.bin with its bytes, and NAME.expected.bin with
the new ones. docs/hooks/abi.md has both.

Exit code 0: all are as expected. %d: some are not.`, exitUnhealthy),
		Example: `  engine hook test
  engine hook test redact.js
  engine hook test redact --update     take what it answers as what is expected`,
		RunE: func(c *cobra.Command, args []string) error {
			source, err := readHook(c, folder(args))
			if err != nil {
				return err
			}
			if dir == "" {
				dir = filepath.Join(source.dir, "fixtures")
			}
			cases, err := fixture.Load(dir)
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			return f.try(c, source, func(t *trial) error { return t.test(c, cases, update) })
		}}
	f.bind(c)
	c.Flags().StringVar(&dir, "fixtures", "", "where its fixtures are (default: fixtures, beside the hook)")
	c.Flags().BoolVar(&update, "update", false, "write what it answers as what is expected")
	return c
}

// test runs the cases and says of each how it went.
func (t *trial) test(c *cobra.Command, cases []fixture.Case, update bool) error {
	w, failed, width := c.OutOrStdout(), 0, 0
	for _, one := range cases {
		width = max(width, len(one.Name))
	}
	for _, one := range cases {
		r, err := one.Run(c.Context(), t.host, t.record)
		if err != nil {
			return err
		}
		switch {
		case r.Difference == "":
			fmt.Fprintf(w, "ok       %-*s  %s fuel\n", width, printable(one.Name), humanize.Comma(r.Fuel))
			continue
		case update:
			if err := one.Accept(r); err != nil {
				return fmt.Errorf("update the fixture %s: %w", one.Name, err)
			}
			fmt.Fprintf(w, "updated  %s\n", printable(one.Name))
		default:
			failed++
			fmt.Fprintf(w, "differs  %s\n", printable(one.Name))
		}
		indented(w, r.Difference)
		for _, line := range r.Log {
			indented(w, "log "+line)
		}
	}
	if failed > 0 {
		return failf(exitUnhealthy, "%d of %d fixtures differ: lines with - were expected, those with + came", failed, len(cases))
	}
	return nil
}

func indented(w io.Writer, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintln(w, "  ", printable(strings.TrimSuffix(line, "\n")))
	}
}
