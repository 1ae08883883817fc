package main

import (
	"fmt"

	"github.com/spf13/cobra"

	wasmhooks "github.com/twinbox/twinbox/wasm-hooks"
)

func newHookNewCommand() *cobra.Command {
	lang, dir := "", ""
	c := &cobra.Command{Use: "new --lang LANGUAGE NAME", Short: "Make a folder with a hook to begin with", Args: cobra.ExactArgs(1),
		Long: `Make a folder with a hook that works, its SDK and its fixtures. Its README says what
its language needs.`,
		Example: `  engine hook new --lang typescript redact
  engine hook new --lang go redact --dir hooks/redact`,
		RunE: func(c *cobra.Command, args []string) error {
			if dir == "" {
				dir = args[0]
			}
			if err := wasmhooks.New(dir, lang, args[0]); err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "made %s; next: engine hook test %s\n", dir, dir)
			return err
		}}
	c.Flags().StringVar(&lang, "lang", "", "its language: go, assemblyscript, c, rust, javascript (js) or typescript (ts) (required)")
	c.Flags().StringVar(&dir, "dir", "", "the folder to make (default: NAME)")
	must(c.MarkFlagRequired("lang"))
	must(c.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(wasmhooks.Languages(), cobra.ShellCompDirectiveNoFileComp)))
	return c
}

func newHookBuildCommand() *cobra.Command {
	out := ""
	c := &cobra.Command{Use: "build [DIR]", Short: "Build a hook's module with the toolchain of its language", Args: cobra.MaximumNArgs(1),
		Long: `Build the WebAssembly module of the hook in a folder, and print where it is. The
language is told by its files. A script needs no build: it is its own. "test", "bench", "run" and
"install" build a folder by themselves.`,
		Example: `  engine hook build redact
  engine hook build -o redact.wasm`,
		RunE: func(c *cobra.Command, args []string) error {
			file, err := buildHook(c, folder(args), out)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), file)
			return err
		}}
	c.Flags().StringVarP(&out, "output", "o", "", "the file to make (default: DIR/NAME.wasm)")
	return c
}

// folder is the one that is named, or the one to be in.
func folder(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}
