package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

const destinationFields = "name displayName type messagingGroup { id channelType platformId } targetAgentGroup { id name }"

func newDestinationCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("destination", "Whom agents may write to: list, set, remove", `A destination is a name by which the agents of an agent group address a chat or
another agent group. They may write nowhere else, but to whom they answer.`)
	r.bind(c)
	c.AddCommand(r.destinationList(), r.destinationSet(), r.destinationRemove())
	return c
}

func (r *remote) destinationList() *cobra.Command {
	return &cobra.Command{Use: "list AGENT-GROUP", Short: "List an agent group's destinations, by name", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			found, err := cl.find(c.Context(), "query($id: ID!) { agentGroup(id: $id) { destinations { "+destinationFields+" } } }",
				map[string]any{"id": args[0]}, "agentGroup", "destinations")
			if err != nil {
				return err
			}
			var rows []json.RawMessage
			if err := json.Unmarshal(found, &rows); err != nil {
				return fmt.Errorf("the engine's answer is not a list: %w", err)
			}
			return printRows(c.OutOrStdout(), r.output, []column{{"NAME", "name"}, {"DISPLAY NAME", "displayName"}, {"TYPE", "type"},
				{"CHANNEL", "messagingGroup.channelType"}, {"CHAT", "messagingGroup.platformId"}, {"AGENT GROUP", "targetAgentGroup.id"}}, rows)
		}}
}

func (r *remote) destinationSet() *cobra.Command {
	fields := []field{
		{flag: "messaging-group", name: "messagingGroupId", usage: "the chat that it stands for"},
		{flag: "target-agent-group", name: "targetAgentGroupId", usage: "the agent group that it stands for"},
		{flag: "display-name", name: "displayName", usage: "what to call it where the target has no name"},
	}
	c := &cobra.Command{Use: "set AGENT-GROUP NAME", Short: "Add a destination, or replace the one of that name", Args: cobra.ExactArgs(2),
		Example: `  engine destination set support ops --messaging-group mg-1
  engine destination set support billing --target-agent-group billing`,
		RunE: func(c *cobra.Command, args []string) error {
			input := given(c, fields)
			input["agentGroupId"], input["name"] = args[0], args[1]
			return r.mutateAndPrint(c, "setDestination", "destination", "destination { "+destinationFields+" }", input, nil)
		}}
	bindFields(c, fields)
	c.MarkFlagsOneRequired("messaging-group", "target-agent-group")
	c.MarkFlagsMutuallyExclusive("messaging-group", "target-agent-group")
	return c
}

func (r *remote) destinationRemove() *cobra.Command {
	return &cobra.Command{Use: "remove AGENT-GROUP NAME", Short: "Remove a destination", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := r.client()
			if err != nil {
				return err
			}
			payload, err := cl.mutate(c.Context(), "removeDestination", "removed", map[string]any{"agentGroupId": args[0], "name": args[1]})
			switch {
			case err != nil:
				return err
			case string(dig(payload, "removed")) != "true":
				return failf(exitNotFound, "agent group %s has no destination %q", args[0], args[1])
			}
			fmt.Fprintln(c.ErrOrStderr(), "removed")
			return nil
		}}
}
