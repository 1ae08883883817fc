package main

import (
	"maps"
	"math"
	"slices"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

// hookSettings are the flags for what an operator sets of a hook. What is not
// given stays as it is.
type hookSettings struct {
	config string
	order  int
}

func hookSettingFields() []field {
	return []field{
		{flag: "point", name: "points", usage: "call it at on_message, on_attachment, on_reply or on_session (repeatable; default: all that it handles)", values: hookPoints(), many: true},
		{flag: "on-failure", name: "onFailure", usage: "when it fails: fail the operation (the default), or skip the hook", values: []string{"fail", "skip"}},
	}
}

func hookScopeFields() []field {
	return []field{
		{flag: "agent-group", name: "agentGroupIds", usage: "only for this agent group (repeatable; \"\" for all)", many: true},
		{flag: "channel-type", name: "channelTypes", usage: "only for this channel type (repeatable; \"\" for all)", many: true},
		{flag: "kind", name: "kinds", usage: "only for messages of this kind (repeatable; \"\" for all)", many: true},
	}
}

func hookLimitFields() []field {
	return []field{
		{flag: "fuel", name: "fuel", usage: "fuel for a call, for each started 16 KiB of input: 40M, say; making an instance may take five times that, up to 200M, and 40M in any case"},
		{flag: "memory", name: "memoryBytes", usage: "memory of one instance: 64MiB, say"},
		{flag: "input-bytes", name: "inputBytes", usage: "the largest input, an attachment's included"},
		{flag: "output-bytes", name: "outputBytes", usage: "the largest answer"},
		{flag: "log-bytes", name: "logBytes", usage: "what one call may log; 0 for nothing"},
		{flag: "instances", name: "instances", usage: "calls at one time, for each agent group"},
	}
}

func (s *hookSettings) bind(c *cobra.Command) {
	bindFields(c, slices.Concat(hookSettingFields(), hookScopeFields(), hookLimitFields()))
	c.Flags().StringVar(&s.config, "config", "", "its configuration: JSON, @FILE, or - for standard input; null for none")
	c.Flags().IntVar(&s.order, "order", 0, "its place in the chain: lower runs first (default: behind the others)")
}

// given adds what the flags say to a mutation's input.
func (s *hookSettings) given(c *cobra.Command, input map[string]any) error {
	maps.Copy(input, given(c, hookSettingFields()))
	if c.Flags().Changed("order") {
		input["order"] = s.order
	}
	if c.Flags().Changed("config") {
		config, err := readJSON(c, "config", s.config)
		if err != nil {
			return err
		}
		input["config"] = config
	}
	if scope := given(c, hookScopeFields()); len(scope) > 0 {
		input["scope"] = scope
	}
	limits := given(c, hookLimitFields())
	for _, f := range hookLimitFields() {
		if value, ok := limits[f.name]; ok {
			n, err := parseAmount(f.flag, value.(string))
			if err != nil {
				return err
			}
			limits[f.name] = n
		}
	}
	if len(limits) > 0 {
		input["limits"] = limits
	}
	return nil
}

// parseAmount reads a limit: units, bytes or instances.
func parseAmount(flag, s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > math.MaxInt64 {
		return 0, failf(exitUsage, "--%s %q is not a number such as 8, 40M or 64MiB", flag, s)
	}
	return int64(n), nil
}

func (r *remote) hookUpdate() *cobra.Command {
	s := &hookSettings{}
	c := &cobra.Command{Use: "update NAME [flags]", Short: "Change a hook's settings: what is given changes, the rest stays", Args: cobra.ExactArgs(1),
		Example: `  engine hook update redact --agent-group support --on-failure skip
  engine hook update redact --config @redact.json
  engine hook update redact --fuel 80M --memory 64MiB`,
		ValidArgsFunction: r.hookNames,
		RunE: func(c *cobra.Command, args []string) error {
			input := map[string]any{"name": args[0]}
			if err := s.given(c, input); err != nil {
				return err
			}
			if len(input) == 1 {
				return failf(exitUsage, "there is nothing to change: give a flag, such as --order")
			}
			return r.mutateAndPrint(c, "updateHook", "hook", "hook { "+hookFields+" }", input, nil)
		}}
	s.bind(c)
	return c
}
