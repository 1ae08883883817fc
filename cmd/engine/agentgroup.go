package main

import "github.com/spf13/cobra"

const agentGroupFields = "id name createdAt"

func newAgentGroupCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("agent-group", "Agents that share a configuration: list, show, create", "An agent group is a group of agents that share a configuration and destinations.")
	r.bind(c)
	c.AddCommand(r.agentGroupList(), r.agentGroupShow(), r.agentGroupCreate())
	return c
}

func (r *remote) agentGroupList() *cobra.Command {
	p := paging{}
	c := &cobra.Command{Use: "list", Short: "List agent groups", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return r.list(c, list{
				document: "query($first: Int, $after: String) { agentGroups(first: $first, after: $after) { nodes { " + agentGroupFields + " } " + pageInfo + " } }",
				path:     []string{"agentGroups"},
				columns:  []column{{"ID", "id"}, {"NAME", "name"}, {"CREATED", "createdAt"}},
			}, p)
		}}
	p.bind(c, false)
	return c
}

func (r *remote) agentGroupShow() *cobra.Command {
	return &cobra.Command{Use: "show AGENT-GROUP", Short: "Show an agent group and its destinations", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return r.show(c, "query($id: ID!) { agentGroup(id: $id) { "+agentGroupFields+" destinations { "+destinationFields+" } } }",
				map[string]any{"id": args[0]}, "agentGroup")
		}}
}

func (r *remote) agentGroupCreate() *cobra.Command {
	fields := []field{{flag: "id", name: "id", usage: "its id, which names its folder (made by the engine when left out)"}}
	c := &cobra.Command{Use: "create NAME", Short: "Make an agent group", Args: cobra.ExactArgs(1),
		Example: `  engine agent-group create "Support" --id support`,
		RunE: func(c *cobra.Command, args []string) error {
			input := given(c, fields)
			input["name"] = args[0]
			return r.mutateAndPrint(c, "createAgentGroup", "agentGroup", "agentGroup { "+agentGroupFields+" }", input, nil)
		}}
	bindFields(c, fields)
	return c
}
