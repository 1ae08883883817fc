package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// field is a flag that becomes a field of a mutation's input, or a variable
// of a query, where it is given.
type field struct {
	flag, name, usage string
	// values are those of an enum. They may be written small and with dashes.
	values []string
	// many flags may be repeated, or given as one with commas.
	many bool
}

func bindFields(c *cobra.Command, fields []field) {
	for _, f := range fields {
		if f.many {
			c.Flags().StringSlice(f.flag, nil, f.usage)
		} else {
			c.Flags().String(f.flag, "", f.usage)
		}
		if f.values != nil {
			must(c.RegisterFlagCompletionFunc(f.flag, cobra.FixedCompletions(f.values, cobra.ShellCompDirectiveNoFileComp)))
		}
	}
}

// given returns the fields whose flags were given.
func given(c *cobra.Command, fields []field) map[string]any {
	input := map[string]any{}
	for _, f := range fields {
		if !c.Flags().Changed(f.flag) {
			continue
		}
		if !f.many {
			value, _ := c.Flags().GetString(f.flag)
			input[f.name] = f.value(value)
			continue
		}
		values, _ := c.Flags().GetStringSlice(f.flag)
		for i := range values {
			values[i] = f.value(values[i])
		}
		input[f.name] = values
	}
	return input
}

func (f field) value(s string) string {
	if f.values != nil {
		return enum(s)
	}
	return s
}

func enum(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) }

// mutate calls a mutation with its input and returns its payload, of which
// selection names the fields. What its userErrors say becomes the error.
func (c *client) mutate(ctx context.Context, name, selection string, input map[string]any) (json.RawMessage, error) {
	inputType := strings.ToUpper(name[:1]) + name[1:] + "Input"
	if isMessageAction(name) {
		inputType = "MessageActionInput"
	}
	if isReplyAction(name) {
		inputType = "ReplyActionInput"
	}
	document := fmt.Sprintf("mutation($input: %s!) { %s(input: $input) { %s userErrors { code message field } } }", inputType, name, selection)
	data, err := c.query(ctx, document, map[string]any{"input": input})
	if err != nil {
		return nil, err
	}
	payload := dig(data, name)
	var answer struct{ UserErrors []problem }
	if err := json.Unmarshal(payload, &answer); err != nil {
		return nil, fmt.Errorf("the engine's answer to %s is not a payload: %w", name, err)
	}
	if len(answer.UserErrors) > 0 {
		for i, p := range answer.UserErrors {
			// Its users gave flags, and know of no input.
			if len(p.Field) > 0 && p.Field[0] == "input" {
				answer.UserErrors[i].Field = p.Field[1:]
			}
		}
		return nil, &apiError{problems: answer.UserErrors}
	}
	return payload, nil
}

// mutateAndPrint calls a mutation and prints the object that it answers. note
// turns the payload into a message for standard error; it may be nil.
func (r *remote) mutateAndPrint(c *cobra.Command, name, object, selection string, input map[string]any, note func(payload json.RawMessage) string) error {
	if err := checkFormat(r.output); err != nil {
		return err
	}
	cl, err := r.client()
	if err != nil {
		return err
	}
	payload, err := cl.mutate(c.Context(), name, selection, input)
	if err != nil {
		return err
	}
	if note != nil {
		fmt.Fprintln(c.ErrOrStderr(), note(payload))
	}
	if v := dig(payload, object); v != nil && string(v) != "null" {
		return printOne(c.OutOrStdout(), r.output, v)
	}
	return nil
}

// createdOr is a note on whether a mutation made what it answers.
func createdOr(found string) func(json.RawMessage) string {
	return func(payload json.RawMessage) string {
		if string(dig(payload, "created")) == "true" {
			return "created"
		}
		return found
	}
}

// show prints the object that a query finds at path.
func (r *remote) show(c *cobra.Command, document string, variables map[string]any, path ...string) error {
	if err := checkFormat(r.output); err != nil {
		return err
	}
	cl, err := r.client()
	if err != nil {
		return err
	}
	object, err := cl.find(c.Context(), document, variables, path...)
	if err != nil {
		return err
	}
	return printOne(c.OutOrStdout(), r.output, object)
}

// find returns what a query finds at path, or exitNotFound.
func (c *client) find(ctx context.Context, document string, variables map[string]any, path ...string) (json.RawMessage, error) {
	data, err := c.query(ctx, document, variables)
	if err != nil {
		return nil, err
	}
	for i := range path {
		if v := dig(data, path[:i+1]...); v == nil || string(v) == "null" {
			return nil, failf(exitNotFound, "there is no %s", wanted(path[i], variables))
		}
	}
	return dig(data, path...), nil
}

// wanted says what was asked for as the engine does, by the variable that names it.
func wanted(kind string, variables map[string]any) string {
	for _, name := range []string{kind, "name", "id"} {
		if s, ok := variables[name].(string); ok {
			return fmt.Sprintf("%s %q", kind, s)
		}
	}
	return "such " + kind
}
