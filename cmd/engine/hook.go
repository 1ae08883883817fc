package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
)

const (
	hookVersionFields = "sha256 size installedAt active shape handles"
	hookStatsFields   = "stats { calls failures rejections p50Micros p99Micros fuelPerCall starts startMicros fuelPerStart lastError lastErrorAt }"
	hookFields        = `name enabled points order onFailure config scope { agentGroupIds channelTypes kinds }
	limits { fuel memoryBytes inputBytes outputBytes logBytes instances } circuit problem version { ` + hookVersionFields + " }"

	groupWrite = "write"
	groupUse   = "use"
)

// hookPoints are what flags call the points.
func hookPoints() []string {
	var names []string
	for _, p := range engine.HookPoints() {
		names = append(names, p.Export())
	}
	return names
}

func newHookCommand() *cobra.Command {
	c := newGroup("hook", "Code of your own on what flows through: new, test, bench, install, list, logs", `A hook is a module of yours that sees messages and attachments on their way in,
replies on their way out, and sessions before they are made: it lets them pass,
changes them, drops or refuses them. It runs as WebAssembly, with no way out of
its sandbox, and what one call may cost is limited.

A hook is a .js or .ts file, which needs no tools at all; a .wasm file; or a
folder that "engine hook new" made, for Go, AssemblyScript, C and Rust.`)
	c.Example = `  engine hook new --lang javascript redact    a hook to begin with
  engine hook test redact                     try it on its fixtures
  engine hook install redact                  run it on every message`
	c.AddGroup(&cobra.Group{ID: groupWrite, Title: "Write a hook (needs no running engine):"},
		&cobra.Group{ID: groupUse, Title: "Use it in a running engine:"})
	for _, local := range []*cobra.Command{newHookNewCommand(), newHookBuildCommand(), newHookTestCommand(), newHookBenchCommand(), newHookRunCommand()} {
		local.GroupID = groupWrite
		c.AddCommand(local)
	}
	r := &remote{}
	for _, verb := range []*cobra.Command{r.hookInstall(), r.hookUpdate(), r.hookList(), r.hookShow(), r.hookSwitch("enable", "Call a hook again", true),
		r.hookSwitch("disable", "Stop calling a hook; it stays installed", false), r.hookRollback(), r.hookRemove(), r.hookLogs(), r.hookDryRun()} {
		verb.GroupID = groupUse
		r.bind(verb)
		c.AddCommand(verb)
	}
	c.AddCommand(newHookCompileCommand())
	return c
}

func (r *remote) hookList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the hooks, by name", Args: cobra.NoArgs,
		Example: `  engine hook list
  engine hook list -o ndjson | jq -r 'select(.problem) | .name'`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			rows, err := cl.rows(c.Context(), "{ hooks { "+hookFields+" "+hookStatsFields+" } }", nil, "hooks")
			if err != nil {
				return err
			}
			return printRows(c.OutOrStdout(), r.output, []column{{"NAME", "name"}, {"ENABLED", "enabled"}, {"POINTS", "points"}, {"ORDER", "order"},
				{"ON FAILURE", "onFailure"}, {"CIRCUIT", "circuit"}, {"CALLS", "stats.calls"}, {"FAILURES", "stats.failures"},
				{"P50 µs", "stats.p50Micros"}, {"PROBLEM", "problem"}}, rows)
		}}
}

// rows returns what a query finds at path, a list.
func (c *client) rows(ctx context.Context, document string, variables map[string]any, path ...string) ([]json.RawMessage, error) {
	found, err := c.find(ctx, document, variables, path...)
	if err != nil {
		return nil, err
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(found, &rows); err != nil {
		return nil, fmt.Errorf("the engine's answer is not a list: %w", err)
	}
	return rows, nil
}

func (r *remote) hookShow() *cobra.Command {
	return &cobra.Command{Use: "show NAME", Short: "Show a hook: settings, limits, versions, how it fares", Args: cobra.ExactArgs(1),
		ValidArgsFunction: r.hookNames,
		Example:           "  engine hook show redact -o json | jq .stats",
		RunE: func(c *cobra.Command, args []string) error {
			fields, variables := hookFields+" "+hookStatsFields, map[string]any{"name": args[0]}
			if r.output != "table" {
				fields += " versions { " + hookVersionFields + " }"
			}
			if err := r.show(c, "query($name: ID!) { hook(name: $name) { "+fields+" } }", variables, "hook"); err != nil || r.output != "table" {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			rows, err := cl.rows(c.Context(), "query($name: ID!) { hook(name: $name) { versions { "+hookVersionFields+" } } }", variables, "hook", "versions")
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout())
			return printRows(c.OutOrStdout(), r.output, []column{{"VERSION", "sha256"}, {"SIZE", "size"}, {"INSTALLED", "installedAt"},
				{"SHAPE", "shape"}, {"IN USE", "active"}}, rows)
		}}
}

func (r *remote) hookSwitch(use, short string, on bool) *cobra.Command {
	return &cobra.Command{Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1),
		ValidArgsFunction: r.hookNames,
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, "updateHook", "hook", "hook { "+hookFields+" }", map[string]any{"name": args[0], "enabled": on}, nil)
		}}
}

func (r *remote) hookRemove() *cobra.Command {
	return &cobra.Command{Use: "remove NAME", Short: "Remove a hook with all its versions", Args: cobra.ExactArgs(1),
		ValidArgsFunction: r.hookNames,
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, "removeHook", "", "removed", map[string]any{"name": args[0]}, nil)
		}}
}

// hookNames completes the name of an installed hook.
func (r *remote) hookNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cl, err := r.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	// A shell waits for this.
	ctx, cancel := context.WithTimeout(c.Context(), 2*time.Second)
	defer cancel()
	rows, err := cl.rows(ctx, "{ hooks { name } }", nil, "hooks")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = text(row, "name")
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
