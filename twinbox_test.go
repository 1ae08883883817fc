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

	"github.com/ncruces/go-sqlite3"

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

// An agent asks its engine for something that the program around it can do.
func ExampleOptions_actions() {
	ctx := context.Background()
	data, err := os.MkdirTemp("", "twinbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(data)
	stock := map[string]int{"bolts": 12}
	host, err := twinbox.Open(ctx, data, twinbox.Options{Actions: map[string]engine.Action{
		"count_stock": func(_ context.Context, _ *engine.Engine, _ engine.Session, _ string, request map[string]any) (any, error) {
			part, _ := request["part"].(string)
			n, found := stock[part]
			if !found {
				return nil, engine.Errorf(engine.CodeNotFound, "there is no part %q", part)
			}
			return map[string]any{"part": part, "count": n}, nil
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer host.Close()
	group, err := host.CreateAgentGroup(ctx, engine.CreateAgentGroupInput{Name: "Warehouse"})
	if err != nil {
		log.Fatal(err)
	}
	session, _, err := host.ResolveSession(ctx, engine.ResolveSessionInput{AgentGroupID: group.ID, Mode: engine.ModeAgentShared})
	if err != nil {
		log.Fatal(err)
	}
	after := "0"
	events, err := host.Events(ctx, engine.EventsInput{After: &after, Types: []engine.EventType{engine.EventReplyDelivered, engine.EventReplyFailed}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := host.MarkContainer(ctx, session.ID, engine.ContainerRunning); err != nil {
		log.Fatal(err)
	}

	// What an agent in the session's container does.
	outbound, err := sqlite3.Open(filepath.Join(data, session.Folder(), "outbound.db"))
	if err != nil {
		log.Fatal(err)
	}
	err = errors.Join(outbound.Exec(`INSERT INTO messages_out (id, seq, timestamp, kind, content)
		VALUES ('r1', 1, '2026-01-31T12:00:00Z', 'system', '{"action":"count_stock","part":"bolts"}')`), outbound.Close())
	if err != nil {
		log.Fatal(err)
	}

	if _, err := events.Read(ctx); err != nil { // it is carried out
		log.Fatal(err)
	}
	messages, err := host.Messages(ctx, session, engine.Page{Limit: 10}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(messages.Items[0].Content)
	// Output:
	// {"action":"count_stock","replyId":"r1","result":{"count":12,"part":"bolts"},"type":"action_result"}
}
