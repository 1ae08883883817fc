package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func (r *remote) hookDryRun() *cobra.Command {
	fields := []field{
		{flag: "point", name: "point", usage: "the point whose chain is run (default: on_message)", values: hookPoints()},
		{flag: "session", name: "sessionId", usage: "the session that it is for"},
		{flag: "message", name: "messageId", usage: "run it on this message of the session, as it is stored"},
		{flag: "kind", name: "kind", usage: "the kind of a message with --content (default: chat)"},
	}
	content := ""
	c := &cobra.Command{Use: "dry-run [NAME] [--session ID --message ID | --content JSON]", Short: "Run the chain of a point, or one hook, and write nothing", Args: cobra.MaximumNArgs(1),
		Long: `Run the chain of a point as the engine would, or the one hook that is named, and
write nothing: what each hook was given, what it did and why, its time, fuel and
memory, and what it logged. A hook that is named is run also when it is disabled.

Instances are fresh, and their clock and random numbers fixed, so that the fuel is
the same each time.`,
		Example: `  engine hook dry-run --content '{"text":"call 030 1234567"}'
  engine hook dry-run redact --session sess-0199… --message m1 -o json | jq .content`,
		ValidArgsFunction: r.hookNames,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			input := given(c, fields)
			if _, ok := input["point"]; !ok {
				input["point"] = "ON_MESSAGE"
			}
			if len(args) == 1 {
				input["hook"] = args[0]
			}
			if c.Flags().Changed("content") {
				value, err := readJSON(c, "content", content)
				if err != nil {
					return err
				}
				input["content"] = value
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			payload, err := cl.mutate(c.Context(), "dryRunHooks",
				"result content steps { hook action reason input output micros fuel memoryBytes log }", input)
			if err != nil {
				return err
			}
			return r.printDryRun(c, payload)
		}}
	bindFields(c, fields)
	c.Flags().StringVar(&content, "content", "", "run it on this content: JSON, @FILE, or - for standard input")
	c.MarkFlagsMutuallyExclusive("message", "content")
	return c
}

func (r *remote) printDryRun(c *cobra.Command, payload json.RawMessage) error {
	if r.output != "table" {
		return printOne(c.OutOrStdout(), r.output, payload)
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(dig(payload, "steps"), &rows); err != nil {
		return fmt.Errorf("the engine's answer has no steps: %w", err)
	}
	if err := printRows(c.OutOrStdout(), r.output, []column{{"HOOK", "hook"}, {"ACTION", "action"}, {"µs", "micros"}, {"FUEL", "fuel"},
		{"MEMORY", "memoryBytes"}, {"REASON", "reason"}}, rows); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "\n%s %s\n", strings.ToLower(cell(dig(payload, "result"))), cell(dig(payload, "content")))
	for _, row := range rows {
		var lines []string
		if err := json.Unmarshal(dig(row, "log"), &lines); err != nil {
			return fmt.Errorf("the engine's answer has no log: %w", err)
		}
		for _, line := range lines {
			fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", cell(dig(row, "hook")), printable(line))
		}
	}
	return nil
}

// readJSON is a flag's value: JSON, @FILE, or - for standard input.
func readJSON(c *cobra.Command, flag, value string) (json.RawMessage, error) {
	b := []byte(value)
	switch path, file := strings.CutPrefix(value, "@"); {
	case value == "-":
		var err error
		if b, err = readInput(c); err != nil {
			return nil, err
		}
	case file:
		var err error
		if b, err = os.ReadFile(path); err != nil {
			return nil, failf(exitUsage, "--%s: %w", flag, err)
		}
	}
	if !json.Valid(b) {
		return nil, failf(exitUsage, "--%s %s is not JSON", flag, clip(value))
	}
	return b, nil
}
