package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine/hooks"
)

// newHookCompileCommand is the process in which modules are compiled: a hostile
// one may make the compiler take what this process is allowed, and no more.
func newHookCompileCommand() *cobra.Command {
	return &cobra.Command{Use: "compile-module", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if code := hooks.CompileMain(c.InOrStdin(), c.OutOrStdout()); code != exitOK {
				return failf(code, "the module was not compiled")
			}
			return nil
		}}
}

// hookCompiler is the command line of that process.
func hookCompiler() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program that compiles hooks, which is this one: %w", err)
	}
	return []string{self, "hook", "compile-module"}, nil
}
