// Command engine runs Twinbox, and everything around it: the server, the
// container's side of a session, and the verbs that drive a running engine.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	_ "time/tzdata" // a container or a bare host may have no zones of its own

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	// What fails before a command begins is the command line's fault.
	begun := false
	observe(root, &begun)
	c, err := root.ExecuteContextC(context.Background())
	switch {
	case err == nil:
		return exitOK
	case begun:
		printError(stderr, err)
		return exitCode(err)
	}
	printError(stderr, err)
	fmt.Fprintf(stderr, "Usage: %s\nMore with %s --help\n", c.UseLine(), c.CommandPath())
	return exitUsage
}

func observe(c *cobra.Command, begun *bool) {
	if inner := c.RunE; inner != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			*begun = true
			return inner(c, args)
		}
	}
	for _, child := range c.Commands() {
		observe(child, begun)
	}
}

func newRootCommand() *cobra.Command {
	root := newGroup("engine", "A session engine for agents that run in containers", `Twinbox keeps each conversation of an agent as a folder with two SQLite files:
the engine writes one, the container the other. This binary is the engine
(serve), the container's side (agent), and a client for both operators and
scripts.

Data goes to standard output, messages go to standard error.

`+exitTable()+`

Environment:
  ENGINE_DATA   the data directory, where --data is left out
  ENGINE_URL    the engine to talk to, where --url is left out
  ENGINE_TOKEN  the admin token: serve takes it as its own, the other commands
                send it; left out, both use DATA/admin-token`)
	root.Example = `  engine demo                       see it work, on a picture
  engine serve --data ./data        run the engine
  engine console                    open a running one in a browser
  engine session list -o json       ask a running one`
	root.Version = version()
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupClient, Title: "Drive a running engine:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupRun, newServeCommand(), newAgentCommand(), newDemoCommand(), newDoctorCommand())
	add(groupClient, newConsoleCommand(), newSessionCommand(), newMessageCommand(), newReplyCommand(), newWebhookCommand(), newDestinationCommand(),
		newAgentGroupCommand(), newMessagingGroupCommand(), newHookCommand(), newEventsCommand(), newOperationCommand(), newRetentionCommand(), newAPICommand())
	root.AddCommand(newVersionCommand(), newDemoAgentCommand())
	return root
}

const (
	groupRun    = "run"
	groupClient = "client"
)

// newGroup makes a command that only holds others. Unlike cobra's default it
// fails when none of them is named, so that a script notices a typing error.
func newGroup(use, short, long string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Long: long,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && !c.HasParent():
				return nil
			case len(args) == 0:
				return fmt.Errorf("%s needs a command", c.CommandPath())
			}
			hint := ""
			if s := c.SuggestionsFor(args[0]); len(s) > 0 {
				hint = fmt.Sprintf("; did you mean %q?", s[0])
			}
			return fmt.Errorf("%s has no command %q%s", c.CommandPath(), args[0], hint)
		},
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
		SuggestionsMinimumDistance: 2,
	}
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "engine", version())
			return err
		}}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
