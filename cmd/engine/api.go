package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func newAPICommand() *cobra.Command {
	r := &remote{}
	var file, variables string
	var pairs []string
	c := &cobra.Command{Use: "api [DOCUMENT]", Short: "Send any GraphQL document", Args: cobra.MaximumNArgs(1),
		Long: `Send a GraphQL document and print the whole response. It is the argument, or in
a file (-f FILE, -f - for standard input). If the response has errors, they are
printed with it and the exit code tells of the first; userErrors are data.`,
		Example: `  engine api '{ sessions(first: 5) { nodes { id status } } }'
  engine api -f query.graphql --var id=sess-0199… --var first:=10
  engine api 'mutation($i: CreateAgentGroupInput!) { createAgentGroup(input: $i) { agentGroup { id } } }' \
      --variables '{"i": {"name": "Support"}}'`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			document, err := readDocument(c, args, file)
			if err != nil {
				return err
			}
			vars, err := readVariables(variables, pairs)
			if err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			body, _, problem := cl.post(c.Context(), document, vars)
			if body != nil {
				print := printJSON
				if r.output == "ndjson" {
					print = printLine
				}
				if err := print(c.OutOrStdout(), body); err != nil {
					return err
				}
			}
			return problem
		}}
	r.bind(c)
	c.Flags().StringVarP(&file, "file", "f", "", "read the document from this file, - for standard input")
	c.Flags().StringArrayVar(&pairs, "var", nil, "a variable: NAME=TEXT, or NAME:=JSON (repeatable)")
	c.Flags().StringVar(&variables, "variables", "", "all variables, as a JSON object")
	return c
}

func readDocument(c *cobra.Command, args []string, file string) (string, error) {
	switch {
	case (len(args) == 1) == (file != ""):
		return "", failf(exitUsage, "give one document: as the argument, or by -f")
	case file == "":
		return args[0], nil
	case file == "-":
		b, err := io.ReadAll(c.InOrStdin())
		if err != nil {
			return "", fmt.Errorf("read the document: %w", err)
		}
		return string(b), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", failf(exitUsage, "read the document: %w", err)
	}
	return string(b), nil
}

func readVariables(all string, pairs []string) (map[string]json.RawMessage, error) {
	vars := map[string]json.RawMessage{}
	if all != "" {
		if err := json.Unmarshal([]byte(all), &vars); err != nil {
			return nil, failf(exitUsage, "--variables is not a JSON object: %w", err)
		}
	}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, failf(exitUsage, "--var %q is not NAME=TEXT or NAME:=JSON", pair)
		}
		if typed, isJSON := strings.CutSuffix(name, ":"); isJSON {
			if !json.Valid([]byte(value)) {
				return nil, failf(exitUsage, "--var %s: %q is not JSON", typed, value)
			}
			vars[typed] = json.RawMessage(value)
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("--var %s: %w", name, err)
		}
		vars[name] = text
	}
	return vars, nil
}
