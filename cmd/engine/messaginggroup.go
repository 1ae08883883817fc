package main

import "github.com/spf13/cobra"

const messagingGroupFields = "id channelType platformId name createdAt"

func newMessagingGroupCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("messaging-group", "Chats on platforms: list, show, ensure", "A messaging group is a chat on a platform: unique by its channel type (telegram,\nslack, …) and the platform's own id.")
	r.bind(c)
	c.AddCommand(r.messagingGroupList(), r.messagingGroupShow(), r.messagingGroupEnsure())
	return c
}

func (r *remote) messagingGroupList() *cobra.Command {
	filter := []field{{flag: "channel-type", name: "channelType", usage: "only those of this channel type"}}
	p := paging{}
	c := &cobra.Command{Use: "list", Short: "List messaging groups", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return r.list(c, list{
				document: "query($first: Int, $after: String, $channelType: String) { messagingGroups(first: $first, after: $after, channelType: $channelType) { nodes { " +
					messagingGroupFields + " } " + pageInfo + " } }",
				variables: given(c, filter),
				path:      []string{"messagingGroups"},
				columns:   []column{{"ID", "id"}, {"CHANNEL", "channelType"}, {"CHAT", "platformId"}, {"NAME", "name"}, {"CREATED", "createdAt"}},
			}, p)
		}}
	bindFields(c, filter)
	p.bind(c, false)
	return c
}

func (r *remote) messagingGroupShow() *cobra.Command {
	return &cobra.Command{Use: "show MESSAGING-GROUP | show CHANNEL-TYPE PLATFORM-ID", Short: "Show a messaging group", Args: cobra.RangeArgs(1, 2),
		Example: `  engine messaging-group show mg-1
  engine messaging-group show telegram -- -1001234`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return r.show(c, "query($channelType: String!, $platformId: String!) { messagingGroupByPlatform(channelType: $channelType, platformId: $platformId) { "+messagingGroupFields+" } }",
					map[string]any{"channelType": args[0], "platformId": args[1]}, "messagingGroupByPlatform")
			}
			return r.show(c, "query($id: ID!) { messagingGroup(id: $id) { "+messagingGroupFields+" } }", map[string]any{"id": args[0]}, "messagingGroup")
		}}
}

func (r *remote) messagingGroupEnsure() *cobra.Command {
	fields := []field{
		{flag: "id", name: "id", usage: "its id, if it has to be made (made by the engine when left out)"},
		{flag: "name", name: "name", usage: "its name, if it has to be made"},
	}
	c := &cobra.Command{Use: "ensure CHANNEL-TYPE PLATFORM-ID", Short: "Find the messaging group of a chat, or make it", Args: cobra.ExactArgs(2),
		Example: `  engine messaging-group ensure slack C024BE91L --name "#support"
  engine messaging-group ensure telegram -- -1001234`,
		RunE: func(c *cobra.Command, args []string) error {
			input := given(c, fields)
			input["channelType"], input["platformId"] = args[0], args[1]
			return r.mutateAndPrint(c, "ensureMessagingGroup", "messagingGroup", "messagingGroup { "+messagingGroupFields+" } created", input, createdOr("found"))
		}}
	bindFields(c, fields)
	return c
}
