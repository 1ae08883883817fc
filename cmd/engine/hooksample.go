package main

import (
	"cmp"
	"io"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

// sampleFlags say what a hook is called with.
type sampleFlags struct {
	point, input, content, attach string
}

func (f *sampleFlags) bind(c *cobra.Command) {
	c.Flags().StringVar(&f.point, "point", "", strings.Join(hookPoints(), ", ")+" (default: as the input says, or on_message)")
	must(c.RegisterFlagCompletionFunc("point", cobra.FixedCompletions(hookPoints(), cobra.ShellCompDirectiveNoFileComp)))
	c.Flags().StringVar(&f.input, "input", "", "the input, a file with JSON as fixtures have it; - for standard input")
	c.Flags().StringVar(&f.content, "content", "", "instead, a message's content: JSON, or @FILE")
	c.Flags().StringVar(&f.attach, "attach", "", "a file as the attachment, for on_attachment")
	c.MarkFlagsMutuallyExclusive("input", "content")
}

// given tells whether there is a flag that says what the input is.
func (f *sampleFlags) given() bool { return f.input != "" || f.content != "" || f.attach != "" }

// check finds out what is wrong with the flags alone.
func (f *sampleFlags) check() error {
	if f.point != "" && !slices.Contains(hookPoints(), f.point) {
		return failf(exitUsage, "--point %q is not one of %s", f.point, strings.Join(hookPoints(), ", "))
	}
	return nil
}

// read makes a case; without flags for it, of standard input.
func (f *sampleFlags) read(c *cobra.Command) (fixture.Case, error) {
	s := fixture.Case{Name: "input"}
	switch {
	case f.content != "":
		content, err := readJSON(c, "content", f.content)
		if err != nil {
			return s, err
		}
		s.Sample.Message.Content, s.Sample.Reply.Content = content, content
	case f.input != "" || f.attach == "":
		var err error
		if s, err = f.parse(c); err != nil {
			return s, err
		}
	}
	if f.attach != "" {
		b, err := os.ReadFile(f.attach)
		if err != nil {
			return s, failf(exitUsage, "--attach: %w", err)
		}
		s.Point, s.Sample.Bytes = engine.HookOnAttachment, b
		a := &s.Sample.Attachment
		if a.Name == "" {
			a.Name = filepath.Base(f.attach)
		}
		if t := mime.TypeByExtension(filepath.Ext(f.attach)); t != "" && a.MimeType == nil {
			a.MimeType = &t
		}
	}
	if f.point != "" {
		s.Point = engine.HookPoint(enum(f.point))
	}
	s.Point = cmp.Or(s.Point, engine.HookOnMessage)
	return s, nil
}

// parse reads an input as fixtures have it.
func (f *sampleFlags) parse(c *cobra.Command) (s fixture.Case, err error) {
	name, file, b := "input", "standard input", []byte(nil)
	if f.input == "" || f.input == "-" {
		b, err = readInput(c)
	} else {
		file = f.input
		name = strings.TrimSuffix(filepath.Base(f.input), ".input.json")
		b, err = os.ReadFile(f.input)
	}
	if err != nil {
		return s, failf(exitUsage, "the input: %w", err)
	}
	if s, err = fixture.Parse(b); err != nil {
		return s, failf(exitUsage, `%s is no input such as {"message": {"content": {"text": "hello"}}}: %w`, file, err)
	}
	s.Name = name
	return s, nil
}

func readInput(c *cobra.Command) ([]byte, error) { return io.ReadAll(c.InOrStdin()) }
