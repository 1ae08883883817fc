package twinbox_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"

	twinbox "github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
)

// A message with a picture goes into a conversation's session.
func Example() {
	ctx := context.Background()
	data, err := os.MkdirTemp("", "twinbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(data)
	host, err := twinbox.Open(ctx, data, twinbox.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer host.Close()

	group, err := host.CreateAgentGroup(ctx, engine.CreateAgentGroupInput{Name: "Helpdesk"})
	if err != nil {
		log.Fatal(err)
	}
	chat, _, err := host.EnsureMessagingGroup(ctx, engine.EnsureMessagingGroupInput{ChannelType: "slack", PlatformID: "C024BE91L"})
	if err != nil {
		log.Fatal(err)
	}
	session, created, err := host.ResolveSession(ctx, engine.ResolveSessionInput{AgentGroupID: group.ID, MessagingGroupID: &chat.ID})
	if err != nil {
		log.Fatal(err)
	}
	id := "1761998400.000100"
	message, outcome, err := host.WriteMessage(ctx, engine.WriteMessageInput{
		SessionID: session.ID, MessageID: &id, Trigger: true,
		Content: map[string]any{"text": "What is this?", "attachments": []any{
			map[string]any{"name": "photo.txt", "data": base64.StdEncoding.EncodeToString([]byte("not a photo"))},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(data, session.Folder(), "inbox", id, "photo.txt"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created, outcome, *message.Seq, *message.Route.PlatformID)
	fmt.Println(message.Content)
	fmt.Println(string(file))
	// Output:
	// true WRITTEN 2 C024BE91L
	// {"attachments":[{"localPath":"inbox/1761998400.000100/photo.txt","name":"photo.txt"}],"text":"What is this?"}
	// not a photo
}

func TestASecondEngineOnADataDirectoryIsToldWhoHoldsIt(t *testing.T) {
	data := t.TempDir()
	host, err := twinbox.Open(t.Context(), data, twinbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	_, err = twinbox.Open(t.Context(), data, twinbox.Options{})
	if !errors.Is(err, twinbox.ErrLocked) {
		t.Fatalf("got %v, want ErrLocked", err)
	}
}
