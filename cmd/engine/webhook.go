package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

const webhookFields = "id channelType url enabled"

func newWebhookCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("webhook", "Where replies are pushed: set, list, remove", `A webhook is an address that gets the replies for a channel type, each as a POST
of JSON. Replies for a channel type without one are for "engine reply claim".`)
	r.bind(c)
	c.AddCommand(r.webhookSet(), r.webhookList(), r.webhookRemove())
	return c
}

func (r *remote) webhookSet() *cobra.Command {
	fields := []field{
		{flag: "id", name: "id", usage: "the one to change, or a new one's; left out, the one of the channel type"},
		{flag: "secret", name: "secret", usage: "signs each request, 16 to 256 bytes; left out, it stays as it is"},
	}
	var disabled bool
	var secretFile string
	c := &cobra.Command{Use: "set CHANNEL-TYPE URL", Short: "Push the replies for a channel type to an address", Args: cobra.ExactArgs(2),
		Long: `Push the replies for a channel type to an address, those that wait included. A
webhook that the channel type has is changed.`,
		Example: `  engine webhook set telegram https://bot.example/replies --secret-file secret
  engine webhook set telegram https://bot.example/replies --disabled    # push nothing for now`,
		RunE: func(c *cobra.Command, args []string) error {
			input := given(c, fields)
			input["channelType"], input["url"], input["enabled"] = args[0], args[1], !disabled
			if secretFile != "" {
				secret, err := readSecret(c, secretFile)
				if err != nil {
					return err
				}
				input["secret"] = secret
			}
			return r.mutateAndPrint(c, "setWebhook", "webhook", "webhook { "+webhookFields+" }", input, nil)
		}}
	bindFields(c, fields)
	c.Flags().StringVar(&secretFile, "secret-file", "", "a file whose first line is the secret, - for standard input: arguments can be seen by all who are on this machine")
	c.MarkFlagsMutuallyExclusive("secret", "secret-file")
	c.Flags().BoolVar(&disabled, "disabled", false, "push nothing; replies wait, and may be claimed")
	return c
}

func readSecret(c *cobra.Command, path string) (string, error) {
	in := c.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	secret, _, _ := strings.Cut(string(text), "\n")
	if secret = strings.TrimSuffix(secret, "\r"); secret == "" {
		return "", failf(exitUsage, "%s has no secret in its first line", path)
	}
	return secret, nil
}

func (r *remote) webhookList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the webhooks, by channel type", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			found, err := cl.find(c.Context(), "{ webhooks { "+webhookFields+" } }", nil, "webhooks")
			if err != nil {
				return err
			}
			var rows []json.RawMessage
			if err := json.Unmarshal(found, &rows); err != nil {
				return fmt.Errorf("the engine's answer is not a list: %w", err)
			}
			return printRows(c.OutOrStdout(), r.output, []column{{"WEBHOOK", "id"}, {"CHANNEL", "channelType"}, {"ENABLED", "enabled"}, {"URL", "url"}}, rows)
		}}
}

func (r *remote) webhookRemove() *cobra.Command {
	return &cobra.Command{Use: "remove WEBHOOK", Short: "Remove a webhook; its replies wait to be claimed", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := r.client()
			if err != nil {
				return err
			}
			payload, err := cl.mutate(c.Context(), "removeWebhook", "removed", map[string]any{"id": args[0]})
			switch {
			case err != nil:
				return err
			case string(dig(payload, "removed")) != "true":
				return failf(exitNotFound, "there is no webhook %q", args[0])
			}
			fmt.Fprintln(c.ErrOrStderr(), "removed")
			return nil
		}}
}
