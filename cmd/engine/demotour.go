package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
)

// explore shows the session's folder.
func (d *demo) explore() error {
	folder := filepath.Join(d.data, filepath.FromSlash(d.session.Folder))
	d.step("All of it lies in one folder, which the container sees as /workspace:\n    %s", folder)
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name := strings.Repeat("  ", strings.Count(path[len(folder):], string(filepath.Separator))+2) + printable(e.Name())
		if e.IsDir() {
			fmt.Fprintf(d.out, "%s/\n", name)
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the agent works on: a journal came and went
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "%-56s %9s\n", name, humanize.IBytes(uint64(info.Size())))
		return nil
	})
	if err != nil {
		return fmt.Errorf("look into the folder: %w", err)
	}
	return nil
}

// invite shows how to go on by hand.
func (d *demo) invite(s *server) error {
	token := "$(cat " + filepath.Join(d.data, tokenFile) + ")"
	if s.config.token != "" {
		token = "$ENGINE_TOKEN"
	}
	var query bytes.Buffer
	encoder := json.NewEncoder(&query)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]string{"query": fmt.Sprintf(
		`{ session(id: "%s") { messages(last: 5) { nodes { messageId status content } } replies(last: 5) { nodes { inReplyTo content } } } }`, d.session.ID)}); err != nil {
		return fmt.Errorf("encode the query: %w", err)
	}
	d.step("Ask for it yourself:\n  curl %s/graphql -H \"Authorization: Bearer %s\" \\\n    -H 'Content-Type: application/json' -d '%s'",
		s.url, token, bytes.TrimSpace(query.Bytes()))
	d.step("Or write to the agent, and read what it replies:\n  %[1]s message write %[2]s --data %[3]s --text \"And this one?\" --attach some.png\n  %[1]s reply list %[2]s --data %[3]s",
		os.Args[0], d.session.ID, d.data)
	return nil
}
