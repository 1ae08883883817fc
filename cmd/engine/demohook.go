package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/twinbox/twinbox/engine/hooks"
)

const (
	demoText    = "What is in this picture? Write to ada@example.com"
	demoAddress = "ada@example.com"
	demoNote    = "Comment\x00taken at 48.8584 N, 2.2945 E"
)

//go:embed demo/redact.js
var demoRedact []byte

//go:embed demo/strip.js
var demoStrip []byte

// installHooks installs two hooks, if this program can run scripts.
func (d *demo) installHooks(ctx context.Context) error {
	if !hooks.HasScripts() {
		d.step("Hooks are left out: this program was built without QuickJS; \"make\" fetches it from npm.")
		return nil
	}
	d.hooked = true
	d.step("Two hooks see what goes in. They are plain JavaScript, which the engine runs as WebAssembly, without a way out:")
	for _, h := range []struct {
		name, says string
		text       []byte
	}{{"redact", "keeps e-mail addresses from the agent", demoRedact}, {"strip", "takes place and time out of pictures", demoStrip}} {
		_, err := d.client.mutate(ctx, "installHook", "hook { name }", map[string]any{
			"name": h.name, "module": base64.StdEncoding.EncodeToString(h.text)})
		if err != nil {
			return fmt.Errorf("install the hook %s: %w", h.name, err)
		}
		d.show(h.name, fmt.Sprintf("%s (%d lines)", h.says, bytes.Count(h.text, []byte("\n"))))
	}
	return nil
}

// checkHooks looks at what the hooks made of the message and of its picture.
func (d *demo) checkHooks(written json.RawMessage, sent []byte) error {
	if !d.hooked {
		return nil
	}
	stored := text(written, "message", "contentText")
	if stored == "" || strings.Contains(stored, demoAddress) {
		return fmt.Errorf("the hook should have taken the address out of the message, which is %s", stored)
	}
	var files []file
	if err := json.Unmarshal(dig(written, "message", "attachments"), &files); err != nil || len(files) != 1 {
		return errors.Join(errors.New("the message should have one file"), err)
	}
	picture, err := os.ReadFile(filepath.Join(d.data, filepath.FromSlash(d.session.Folder), filepath.FromSlash(files[0].Path)))
	if err != nil {
		return fmt.Errorf("look at the picture: %w", err)
	}
	if bytes.Contains(picture, []byte(demoNote)) || !bytes.Contains(sent, []byte(demoNote)) {
		return errors.New("the hook should have taken the place out of the picture")
	}
	d.step("The hooks did their work before anything was written:")
	d.show("redact", "the address is gone from the message")
	d.show("strip", fmt.Sprintf("the picture's note on its place is gone: %s became %s",
		humanize.Comma(int64(len(sent)))+" bytes", humanize.Comma(int64(len(picture)))))
	return nil
}
