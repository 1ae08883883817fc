package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// maxPage is the most that the API gives in one page.
const maxPage = 100

// list is a connection of the API and how its nodes are shown.
type list struct {
	// document takes $first and $after, and $last and $before if it can be
	// read from its end.
	document  string
	variables map[string]any
	// path leads to the connection.
	path    []string
	columns []column
}

const pageInfo = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"

// paging is what the flags say about how much of a list is wanted.
type paging struct {
	limit, last int
	all         bool
	after       string
}

// bind adds the flags; fromEnd where the list has $last and $before.
func (p *paging) bind(c *cobra.Command, fromEnd bool) {
	f := c.Flags()
	f.IntVar(&p.limit, "limit", maxPage, "how many to list at most")
	f.BoolVar(&p.all, "all", false, "list all, however many")
	f.StringVar(&p.after, "after", "", "go on behind this cursor")
	c.MarkFlagsMutuallyExclusive("limit", "all")
	if fromEnd {
		f.IntVar(&p.last, "last", 0, "list so many of the newest instead, in the same order")
		c.MarkFlagsMutuallyExclusive("last", "limit")
		c.MarkFlagsMutuallyExclusive("last", "all")
		c.MarkFlagsMutuallyExclusive("last", "after")
	}
}

// list prints what is wanted of l.
func (r *remote) list(c *cobra.Command, l list, p paging) error {
	if err := checkFormat(r.output); err != nil {
		return err
	}
	if p.limit < 1 || p.last < 0 {
		return failf(exitUsage, "a list has at least one row")
	}
	cl, err := r.client()
	if err != nil {
		return err
	}
	var rows []json.RawMessage
	cursor, err := cl.pages(c.Context(), l, p, func(page []json.RawMessage) error {
		if r.output == "ndjson" && p.last == 0 {
			return printRows(c.OutOrStdout(), r.output, l.columns, page)
		}
		rows = append(rows, page...)
		if p.last > 0 { // pages come newest first
			rows = slices.Concat(page, rows[:len(rows)-len(page)])
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.output != "ndjson" || p.last > 0 {
		if err := printRows(c.OutOrStdout(), r.output, l.columns, rows); err != nil {
			return err
		}
	}
	if cursor != "" {
		fmt.Fprintf(c.ErrOrStderr(), "There are more: --all, or --after %s\n", printable(cursor))
	}
	return nil
}

// pages visits the pages of a list until p has enough. It returns the cursor
// to go on from where there is more, which for the newest rows nobody asks.
func (c *client) pages(ctx context.Context, l list, p paging, visit func(page []json.RawMessage) error) (string, error) {
	variables := map[string]any{}
	for name, value := range l.variables {
		variables[name] = value
	}
	size, from, wanted := "first", "after", p.limit
	if p.last > 0 {
		size, from, wanted = "last", "before", p.last
	}
	if p.after != "" {
		variables[from] = p.after
	}
	for {
		variables[size] = maxPage
		if !p.all {
			variables[size] = min(maxPage, wanted)
		}
		found, err := c.find(ctx, l.document, variables, l.path...)
		if err != nil {
			return "", err
		}
		var page struct {
			Nodes    []json.RawMessage
			PageInfo struct {
				HasNextPage, HasPreviousPage bool
				StartCursor, EndCursor       string
			}
		}
		if err := json.Unmarshal(found, &page); err != nil {
			return "", fmt.Errorf("the engine's answer is not a page: %w", err)
		}
		if err := visit(page.Nodes); err != nil {
			return "", err
		}
		more, cursor := page.PageInfo.HasNextPage, page.PageInfo.EndCursor
		if p.last > 0 {
			more, cursor = page.PageInfo.HasPreviousPage, page.PageInfo.StartCursor
		}
		wanted -= len(page.Nodes)
		switch {
		case !more:
			return "", nil
		case !p.all && wanted <= 0 && p.last > 0:
			return "", nil
		case !p.all && wanted <= 0:
			return cursor, nil
		}
		variables[from] = cursor
	}
}
