package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// populate makes more conversations, so that the console has something to
// show: one that went well, and some that need somebody.
func (d *demo) populate(ctx context.Context) error {
	for _, c := range []struct {
		chat, text, attachment string
		answered, undelivered  bool
	}{
		{chat: "Kitchen", text: "Where are the recipes that grace@example.com sent?", answered: true},
		{chat: "Garden", text: "What grows in this picture?", attachment: "This is no picture.\n", answered: true},
		{chat: "Garage", text: "Is the car back?", answered: true, undelivered: true},
		{chat: "Attic", text: "Is anybody up there?"},
	} {
		if err := d.converse(ctx, c.chat, c.text, c.attachment, c.answered, c.undelivered); err != nil {
			return fmt.Errorf("the conversation in the %s: %w", c.chat, err)
		}
	}
	return nil
}

func (d *demo) converse(ctx context.Context, chatName, says, attachment string, answered, undelivered bool) error {
	chat, err := d.client.mutate(ctx, "ensureMessagingGroup", "messagingGroup { id }",
		map[string]any{"channelType": demoChannel, "platformId": chatName, "name": chatName})
	if err != nil {
		return err
	}
	resolved, err := d.client.mutate(ctx, "resolveSession", "session { id folder }",
		map[string]any{"agentGroupId": d.group, "messagingGroupId": text(chat, "messagingGroup", "id")})
	if err != nil {
		return err
	}
	var session struct{ ID, Folder string }
	if err := json.Unmarshal(dig(resolved, "session"), &session); err != nil {
		return err
	}
	content := map[string]any{"text": says}
	if attachment != "" {
		content["attachments"] = []any{map[string]any{"name": "note.txt", "data": base64.StdEncoding.EncodeToString([]byte(attachment))}}
	}
	written, err := d.client.mutate(ctx, "writeMessage", "message { messageId }", map[string]any{"sessionId": session.ID, "content": content})
	if err != nil || !answered {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	agent := exec.CommandContext(ctx, self, "agent", "--workspace", filepath.Join(d.data, filepath.FromSlash(session.Folder)), "--once", "--input", "json", "--", self, demoAgentName)
	if out, err := agent.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("run the agent: %w", err), errors.New(string(out)))
	}
	if !undelivered {
		return nil
	}
	reply, err := d.client.waitForReply(ctx, session.ID, text(written, "message", "messageId"))
	if err != nil {
		return err
	}
	_, err = d.client.mutate(ctx, "markDelivered", "reply { id }", map[string]any{
		"sessionId": session.ID, "replyId": text(reply, "replyId"), "outcome": "FAILED", "error": "the garage has no door bell"})
	return err
}
