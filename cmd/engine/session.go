package main

import (
	"time"

	"github.com/spf13/cobra"
)

const sessionFields = `id agentGroup { id name } messagingGroup { id channelType platformId name } threadId mode status
	containerStatus labels lastActive createdAt folder heartbeat`

func newSessionCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("session", "Conversations: list, show, resolve, close, restore, project, claim, mark", `A session is one conversation: a folder that is mounted into one container,
with what was written to the agent and what it replied.`)
	r.bind(c)
	c.AddCommand(r.sessionList(), r.sessionShow(), r.sessionResolve(), r.sessionClose(), r.sessionRestore(), r.sessionProject(), r.sessionClaim(), r.sessionMark())
	return c
}

func (r *remote) sessionList() *cobra.Command {
	filter := []field{
		{flag: "agent-group", name: "agentGroupId", usage: "only those of this agent group"},
		{flag: "messaging-group", name: "messagingGroupId", usage: "only those of this messaging group"},
		{flag: "mode", name: "mode", usage: "only shared, per-thread or agent-shared ones", values: []string{"shared", "per-thread", "agent-shared"}},
		{flag: "status", name: "status", usage: "only active or closed ones", values: []string{"active", "closed"}},
		{flag: "container", name: "containerStatus", usage: "only those whose container is running, idle or stopped", values: []string{"running", "idle", "stopped"}, many: true},
	}
	p := paging{}
	c := &cobra.Command{Use: "list", Short: "List sessions, newest first", Args: cobra.NoArgs,
		Example: `  engine session list --status active --container running,idle
  engine session list --all -o ndjson | jq -r .folder`,
		RunE: func(c *cobra.Command, _ []string) error {
			return r.list(c, list{
				document: "query($first: Int, $after: String, $filter: SessionFilter) { sessions(first: $first, after: $after, filter: $filter) { nodes { " +
					sessionFields + " } " + pageInfo + " } }",
				variables: map[string]any{"filter": given(c, filter)},
				path:      []string{"sessions"},
				columns: []column{{"ID", "id"}, {"AGENT GROUP", "agentGroup.id"}, {"CHANNEL", "messagingGroup.channelType"},
					{"CHAT", "messagingGroup.platformId"}, {"THREAD", "threadId"}, {"MODE", "mode"}, {"STATUS", "status"},
					{"CONTAINER", "containerStatus"}, {"LAST ACTIVE", "lastActive"}},
			}, p)
		}}
	bindFields(c, filter)
	p.bind(c, false)
	return c
}

func (r *remote) sessionShow() *cobra.Command {
	return &cobra.Command{Use: "show SESSION", Short: "Show a session", Args: cobra.ExactArgs(1),
		Example: "  engine session show sess-0199… -o json | jq -r .folder",
		RunE: func(c *cobra.Command, args []string) error {
			return r.show(c, "query($id: ID!) { session(id: $id) { "+sessionFields+" } }", map[string]any{"id": args[0]}, "session")
		}}
}

func (r *remote) sessionResolve() *cobra.Command {
	fields := []field{
		{flag: "agent-group", name: "agentGroupId", usage: "whose conversation it is (required)"},
		{flag: "messaging-group", name: "messagingGroupId", usage: "the chat that it is held in"},
		{flag: "thread", name: "threadId", usage: "the thread of the chat, for --mode per-thread"},
		{flag: "mode", name: "mode", usage: "shared (one for each chat, the default), per-thread, or agent-shared (one for the agent group)", values: []string{"shared", "per-thread", "agent-shared"}},
	}
	c := &cobra.Command{Use: "resolve --agent-group ID [flags]", Short: "Find the active session of a conversation, or make it", Args: cobra.NoArgs,
		Long: `Find the active session of a conversation, or make it, with its folder.

Without --messaging-group, modes shared and per-thread have nothing to find a
session by and make a new one each time.`,
		Example: `  engine session resolve --agent-group ag-1 --messaging-group mg-1
  engine session resolve --agent-group ag-1 --messaging-group mg-1 --thread 42 --mode per-thread`,
		RunE: func(c *cobra.Command, _ []string) error {
			return r.mutateAndPrint(c, "resolveSession", "session", "session { "+sessionFields+" } created", given(c, fields), createdOr("found"))
		}}
	bindFields(c, fields)
	must(c.MarkFlagRequired("agent-group"))
	return c
}

func (r *remote) sessionClose() *cobra.Command {
	return &cobra.Command{Use: "close SESSION", Short: "Close a session: it takes no more messages, its folder stays", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, "closeSession", "session", "session { "+sessionFields+" }", map[string]any{"sessionId": args[0]}, nil)
		}}
}

func (r *remote) sessionProject() *cobra.Command {
	return &cobra.Command{Use: "project SESSION", Short: "Write destinations and routing into a session's folder", Args: cobra.ExactArgs(1),
		Long: `Write the agent group's destinations and the session's routing into its folder.
The engine does so on every change, and when a container is marked; this is for
an orchestrator that marks none, before it starts one.`,
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, "projectSession", "session", "session { "+sessionFields+" }", map[string]any{"sessionId": args[0]}, nil)
		}}
}

func (r *remote) sessionClaim() *cobra.Command {
	var owner string
	var lease time.Duration
	c := &cobra.Command{Use: "claim SESSION --owner NAME [flags]", Short: "Claim the right to run a session's container", Args: cobra.ExactArgs(1),
		Long: `Claim the right to run a session's container for a while. The engine makes the
folder ready for its start. Nobody else gets it meanwhile: then the exit code is 4.

The same owner may claim again, to have it longer. "engine session mark SESSION
stopped" gives it back; what expired may be taken over.`,
		Example: `  engine session claim sess-0199… --owner "$HOSTNAME" && run-container sess-0199…`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			payload, err := cl.mutate(c.Context(), "claimContainer", "claimed session { "+sessionFields+" }",
				map[string]any{"sessionId": args[0], "owner": owner, "leaseSeconds": int64(lease.Seconds())})
			if err != nil {
				return err
			}
			if string(dig(payload, "claimed")) != "true" {
				return failf(exitConflict, "somebody else runs the container of session %s", args[0])
			}
			return printOne(c.OutOrStdout(), r.output, dig(payload, "session"))
		}}
	c.Flags().StringVar(&owner, "owner", "", "names who claims (required)")
	c.Flags().DurationVar(&lease, "lease", time.Minute, "how long, from now: 1s to 24h")
	must(c.MarkFlagRequired("owner"))
	return c
}

func (r *remote) sessionMark() *cobra.Command {
	return &cobra.Command{Use: "mark SESSION running|idle|stopped", Short: "Say what became of a session's container", Args: cobra.ExactArgs(2),
		Long: `Say what became of a session's container. Before "running", the engine makes the
folder ready for a start; "stopped" is a promise that no process of the container
runs any more, upon which the engine tidies after it.`,
		Example: "  engine session mark sess-0199… running",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) != 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"running", "idle", "stopped"}, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, "markContainer", "session", "session { "+sessionFields+" }",
				map[string]any{"sessionId": args[0], "status": enum(args[1])}, nil)
		}}
}

// must is for what only a mistake in this program can fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
