package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// inlineBytes is up to where an attachment travels in the message itself;
// what is larger is streamed to the engine before.
const inlineBytes = 256 << 10

// content is what the flags say about a message's content.
type content struct {
	text, json string
	files      []string
}

func (m *content) bind(c *cobra.Command) {
	c.Flags().StringVar(&m.text, "text", "", `the content's text, {"text": TEXT}; - for standard input`)
	c.Flags().StringVar(&m.json, "json", "", "the content, any JSON value; - for standard input")
	c.Flags().StringArrayVar(&m.files, "attach", nil, "attach a file (repeatable)")
	c.MarkFlagsMutuallyExclusive("text", "json")
}

// read makes the content; large files are uploaded.
func (m *content) read(c *cobra.Command, cl *client) (any, error) {
	value, err := m.value(c)
	if err != nil || len(m.files) == 0 {
		return value, err
	}
	object := map[string]json.RawMessage{}
	var attachments []any
	if json.Unmarshal(value, &object) != nil || object == nil {
		return nil, failf(exitUsage, "--attach needs an object as content")
	}
	if list, ok := object["attachments"]; ok && json.Unmarshal(list, &attachments) != nil {
		return nil, failf(exitUsage, "--attach needs attachments in --json to be a list")
	}
	for _, path := range m.files {
		a, err := attachment(c.Context(), cl, path)
		if err != nil {
			return nil, err
		}
		attachments = append(attachments, a)
	}
	if object["attachments"], err = json.Marshal(attachments); err != nil {
		return nil, fmt.Errorf("encode the attachments: %w", err)
	}
	return object, nil
}

func (m *content) value(c *cobra.Command) (json.RawMessage, error) {
	changed := c.Flags().Changed
	switch {
	case changed("json"):
		source := []byte(m.json)
		if m.json == "-" {
			var err error
			if source, err = io.ReadAll(c.InOrStdin()); err != nil {
				return nil, fmt.Errorf("read standard input: %w", err)
			}
		}
		if !json.Valid(source) {
			return nil, failf(exitUsage, "--json is not JSON")
		}
		return source, nil
	case changed("text") && m.text != "-":
		return textContent(m.text)
	case !changed("text") && len(m.files) > 0:
		return json.RawMessage("{}"), nil
	}
	text, err := io.ReadAll(c.InOrStdin())
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errNoContent()
	}
	return textContent(strings.TrimSuffix(string(text), "\n"))
}

func textContent(text string) (json.RawMessage, error) {
	b, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return nil, fmt.Errorf("encode the text: %w", err)
	}
	return b, nil
}

// attachment makes the element of content.attachments for a file.
func attachment(ctx context.Context, cl *client, path string) (map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, failf(exitUsage, "attach: %w", err)
	}
	defer f.Close()
	element := map[string]any{"name": filepath.Base(path)}
	if t := mime.TypeByExtension(filepath.Ext(path)); t != "" {
		element["mimeType"] = t
	}
	// The size is not asked: a pipe has none.
	head, err := io.ReadAll(io.LimitReader(f, inlineBytes+1))
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	if len(head) <= inlineBytes {
		element["data"] = base64.StdEncoding.EncodeToString(head)
		return element, nil
	}
	id, err := cl.upload(ctx, io.MultiReader(bytes.NewReader(head), f))
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", path, err)
	}
	element["uploadId"] = id
	return element, nil
}
