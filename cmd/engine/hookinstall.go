package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (r *remote) hookInstall() *cobra.Command {
	s := &hookSettings{}
	name, disabled := "", false
	c := &cobra.Command{Use: "install FILE|DIR [flags]", Short: "Install a hook, or a new version of it", Args: cobra.ExactArgs(1),
		Long: `Install a hook: a script (.js, .ts) with what it imports, a WebAssembly module, or
a folder, which is built. Where a hook of that name is installed, this is a new
version of it, and its settings stay as they are, but for those that are given.

The engine checks, compiles and tries the module before it uses it. When this
returns 0 the hook is in use, and stays in use after a restart; if it fails,
nothing has changed.`,
		Example: `  engine hook install redact.js
  engine hook install ./thumbnail --point on_attachment --agent-group support
  engine hook install gate.wasm --config '{"commands":["/help"]}' --on-failure skip`,
		RunE: func(c *cobra.Command, args []string) error {
			// First what costs nothing.
			input := map[string]any{}
			if err := s.given(c, input); err != nil {
				return err
			}
			source, err := readHook(c, args[0])
			if err != nil {
				return err
			}
			input["name"], input["module"] = source.name, source.module
			if name != "" {
				input["name"] = name
			}
			if c.Flags().Changed("disabled") {
				input["enabled"] = !disabled
			}
			if err := r.mutateAndPrint(c, "installHook", "hook", "hook { "+hookFields+" }", input, nil); err != nil {
				return fmt.Errorf("install %s: %w", args[0], err)
			}
			return nil
		}}
	s.bind(c)
	c.Flags().StringVar(&name, "name", "", "what to call it (default: the file's or folder's name)")
	c.Flags().BoolVar(&disabled, "disabled", false, "install it, and do not call it yet")
	return c
}
