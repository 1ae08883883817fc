package main

import (
	"fmt"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
)

func newHookRunCommand() *cobra.Command {
	f, in, save := trialFlags{}, sampleFlags{}, ""
	c := &cobra.Command{Use: "run FILE|DIR [flags]", Short: "Call a hook once, and print its answer", Args: cobra.ExactArgs(1),
		Long: `Call a hook once, on a fresh instance, and print its answer. What it logged, its
time, fuel and memory go to standard error.

The input is a message's content in --content, a file in --attach, or JSON from
--input or standard input, of which everything may be left out but what the hook
looks at: {"session": {…}, "message": {…}}, as docs/hooks/abi.md describes it.

Exit code 0: it answered, whatever it answered. 1: it failed.`,
		Example: `  engine hook run redact.js --content '{"text":"mail me: ada@example.org"}'
  engine hook run redact --point on_message < message.json
  engine hook run ./thumbnail --attach photo.jpg --save small.jpg`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := in.check(); err != nil {
				return err
			}
			s, err := in.read(c)
			if err != nil {
				return err
			}
			source, err := readHook(c, args[0])
			if err != nil {
				return err
			}
			return f.try(c, source, func(t *trial) error {
				o, err := t.call(c.Context(), s)
				if err != nil {
					return err
				}
				return printOutcome(c, o, save)
			})
		}}
	in.bind(c)
	f.bind(c)
	c.Flags().StringVar(&save, "save", "", "write the bytes that it gave an attachment to this file")
	return c
}

func printOutcome(c *cobra.Command, o outcome, save string) error {
	w := c.ErrOrStderr()
	for _, line := range o.Log {
		fmt.Fprintln(w, printable(line))
	}
	fmt.Fprintf(w, "%.0f µs, %s fuel, %s of memory\n", o.Micros, humanize.Comma(o.Fuel), humanize.IBytes(uint64(o.MemoryBytes)))
	if o.Action == engine.HookFailed {
		return fmt.Errorf("hook %s failed: %s", o.Hook, *o.Reason)
	}
	if save != "" {
		if !o.replaced.ReplaceBytes {
			return fmt.Errorf("there is nothing to save: hook %s replaced no bytes", o.Hook)
		}
		if err := os.WriteFile(save, o.replaced.Bytes, 0o644); err != nil {
			return fmt.Errorf("save the bytes: %w", err)
		}
	}
	b, err := o.answer()
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return printJSON(c.OutOrStdout(), b)
}
