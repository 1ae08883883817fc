package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine/agent"
)

func newAgentCommand() *cobra.Command {
	cfg := agent.Config{}
	input := ""
	c := &cobra.Command{
		Use:   "agent --workspace DIR -- COMMAND [ARGUMENT...]",
		Short: "Be the container's side of a session, for any program",
		Long: `For each message that is due in the session's folder, run COMMAND with the
message on its standard input; what it prints becomes the reply, and so do the
files that it leaves in $TWINBOX_OUTBOX.

  standard input   the message's text, with earlier context and the paths of
                   attached files; with --input json, all of it as one object
  environment      TWINBOX_MESSAGE_ID, TWINBOX_KIND, TWINBOX_OUTBOX and others
                   tell what is answered, and where
  standard output  a JSON object is the reply's content as it stands, anything
                   else its text; nothing means that there is no reply
  exit code        0 completes the message, any other fails it, without a reply

SIGTERM and SIGINT take no new message and give COMMAND the grace to finish; a
second one ends it at once. A message that was cut short is done again at the
next start, and so is one that a killed agent left behind. One agent works on a
folder at a time.

Exit codes of its own:
  0  stopped as asked; with --once, all that was due is done, failed or not
  1  the outcome of a message could not be written
  2  COMMAND is not a program that can be run
  3  DIR is not a directory
  5  with --once: the folder cannot be used now
  8  stopped as asked, but a message was cut short`,
		Example: `  engine agent --workspace /workspace -- ./my-agent
  engine agent --workspace /workspace --input json -- python3 agent.py
  engine agent --workspace DIR --once -- tr a-z A-Z`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("agent needs a command to run, after --")
			}
			for _, d := range []struct {
				flag  string
				value time.Duration
			}{{"poll", cfg.Poll}, {"timeout", cfg.Timeout}} {
				if d.value <= 0 {
					return fmt.Errorf("--%s must be longer than nothing", d.flag)
				}
			}
			switch cfg.Input = agent.Input(input); cfg.Input {
			case agent.InputText, agent.InputJSON:
				return nil
			}
			return fmt.Errorf("--input is %q, but must be text or json", input)
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg.Command, cfg.Stderr = args, c.ErrOrStderr()
			cfg.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			return runAgent(c.Context(), cfg)
		},
	}
	// What follows the command's name belongs to the command, with or without "--".
	c.Flags().SetInterspersed(false)
	c.Flags().StringVar(&cfg.Workspace, "workspace", "/workspace", "the session's `DIR`")
	c.Flags().StringVar(&input, "input", string(agent.InputText), "the `FORM` in which COMMAND reads its message: text or json")
	c.Flags().DurationVar(&cfg.Poll, "poll", 250*time.Millisecond, "how often to look for messages")
	c.Flags().DurationVar(&cfg.Timeout, "timeout", 30*time.Minute, "how long COMMAND may work on one message")
	c.Flags().DurationVar(&cfg.Grace, "grace", 5*time.Second, "how long COMMAND may go on after SIGTERM")
	c.Flags().BoolVar(&cfg.Once, "once", false, "handle what is due and exit")
	// These fail for a flag that does not exist, and no other.
	_ = c.RegisterFlagCompletionFunc("input", cobra.FixedCompletions([]string{string(agent.InputText), string(agent.InputJSON)}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagDirname("workspace")
	return c
}

// runAgent runs the agent until a signal; a second one cuts it short.
func runAgent(parent context.Context, cfg agent.Config) error {
	ctx, cancel := context.WithCancel(parent)
	kill := make(chan struct{})
	cfg.Kill = kill
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer signal.Stop(signals)
	done := make(chan struct{})
	defer close(done)
	wg.Go(func() {
		for _, act := range []func(){cancel, func() { close(kill) }} {
			select {
			case <-signals:
				act()
			case <-done:
				return
			}
		}
	})
	err := agent.Run(ctx, cfg)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, agent.ErrNoWorkspace):
		return &exitError{code: exitNotFound, err: err}
	case errors.Is(err, agent.ErrCutShort):
		return &exitError{code: exitTimeout, err: err}
	case errors.Is(err, agent.ErrNoCommand):
		return failf(exitUsage, "%s: %w", strings.Join(cfg.Command, " "), err)
	case errors.Is(err, agent.ErrUnusable):
		return &exitError{code: exitUnavailable, err: err}
	}
	return err
}
