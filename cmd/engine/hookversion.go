package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

func (r *remote) hookRollback() *cobra.Command {
	return &cobra.Command{Use: "rollback NAME [SHA256]", Short: "Go back to a version that was installed before", Args: cobra.RangeArgs(1, 2),
		Long: `Go back to the version before the one in use, or to the one whose hash is, or
begins with, SHA256: "engine hook show NAME" lists them. Calls that run end on the
version that they began with.`,
		Example: `  engine hook rollback redact
  engine hook rollback redact 3f9ac1`,
		ValidArgsFunction: r.hookNames,
		RunE: func(c *cobra.Command, args []string) error {
			input := map[string]any{"name": args[0]}
			if len(args) == 2 {
				cl, err := r.client()
				if err != nil {
					return err
				}
				if input["sha256"], err = cl.hookVersion(c.Context(), args[0], args[1]); err != nil {
					return err
				}
			}
			return r.mutateAndPrint(c, "rollbackHook", "hook", "hook { "+hookFields+" }", input, nil)
		}}
}

// hookVersion returns the whole hash of the one version of a hook whose hash
// begins with prefix.
func (c *client) hookVersion(ctx context.Context, name, prefix string) (string, error) {
	rows, err := c.rows(ctx, "query($name: ID!) { hook(name: $name) { versions { sha256 } } }", map[string]any{"name": name}, "hook", "versions")
	if err != nil {
		return "", err
	}
	var found []string
	for _, row := range rows {
		if sha256 := text(row, "sha256"); strings.HasPrefix(sha256, strings.ToLower(prefix)) {
			found = append(found, sha256)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", failf(exitNotFound, "hook %s has no version whose hash begins with %s", name, prefix)
	}
	return "", failf(exitUsage, "%d versions of hook %s begin with %s; give more of the hash", len(found), name, prefix)
}
