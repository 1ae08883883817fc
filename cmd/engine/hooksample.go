package main

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
)

// sample is what a hook is called with in a trial.
type sample struct {
	name  string
	point engine.HookPoint
	engine.HookSample
	// config is for this sample; nil is the trial's.
	config json.RawMessage
}

// call makes a call on the sample; each needs its own.
func (s sample) call() (engine.HookCall, *watchedSubject, error) {
	subject, err := engine.NewHookSubject(s.point, s.HookSample)
	if err != nil {
		return engine.HookCall{}, nil, refused(err, "the input")
	}
	w := &watchedSubject{HookSubject: subject}
	return engine.HookCall{Point: s.point, Subject: w}, w, nil
}

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

// read makes the sample; without flags for it, of standard input.
func (f *sampleFlags) read(c *cobra.Command) (sample, error) {
	s := sample{name: "input", point: engine.HookOnMessage}
	switch {
	case f.content != "":
		content, err := readJSON(c, "content", f.content)
		if err != nil {
			return s, err
		}
		s.Message.Content, s.Reply.Content = content, content
	case f.input != "" || f.attach == "":
		if err := f.decode(c, &s); err != nil {
			return s, err
		}
	}
	if f.attach != "" {
		b, err := os.ReadFile(f.attach)
		if err != nil {
			return s, failf(exitUsage, "--attach: %w", err)
		}
		s.point, s.Bytes = engine.HookOnAttachment, b
		if s.Attachment.Name == "" {
			s.Attachment.Name = filepath.Base(f.attach)
		}
		if t := mime.TypeByExtension(filepath.Ext(f.attach)); t != "" && s.Attachment.MimeType == nil {
			s.Attachment.MimeType = &t
		}
	}
	if f.point != "" {
		s.point = engine.HookPoint(enum(f.point))
	}
	return s, nil
}

// decode reads a sample as fixtures have it.
func (f *sampleFlags) decode(c *cobra.Command, s *sample) error {
	name, b, err := "standard input", []byte(nil), error(nil)
	if f.input == "" || f.input == "-" {
		b, err = readInput(c)
	} else {
		name = f.input
		s.name = strings.TrimSuffix(filepath.Base(f.input), ".input.json")
		b, err = os.ReadFile(f.input)
	}
	if err != nil {
		return failf(exitUsage, "the input: %w", err)
	}
	var in struct {
		ABI    int             `json:"abi"`
		Point  string          `json:"point"`
		Config json.RawMessage `json:"config"`
		*engine.HookSample
	}
	in.HookSample = &s.HookSample
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return failf(exitUsage, `%s is no input such as {"message": {"content": {"text": "hello"}}}: %w`, name, err)
	}
	s.config = in.Config
	if in.Point != "" {
		s.point = engine.HookPoint(enum(in.Point))
	}
	return nil
}

func readInput(c *cobra.Command) ([]byte, error) { return io.ReadAll(c.InOrStdin()) }
