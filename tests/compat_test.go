package tests_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

func TestForeignContainerAnswersAMessage(t *testing.T) {
	s := newSession(t)
	photo := []byte("\x89PNG not really")
	s.write(t, "m1", map[string]any{"text": "look", "attachments": []any{
		map[string]any{"name": "Q3 Bericht.png", "data": base64.StdEncoding.EncodeToString(photo)}}})

	due := foreign.Poll(t, s.folder)
	if len(due) != 1 || due[0].ID != "m1" || due[0].Seq != 2 || due[0].Kind != "chat" || due[0].Trigger != 1 {
		t.Fatalf("the container finds %+v", due)
	}
	if m := due[0]; *m.ChannelType != "telegram" || *m.PlatformID != t.Name() || *m.ThreadID != "7" || *m.SeriesID != "m1" {
		t.Errorf("the message is addressed %s %s %s in series %s", *m.ChannelType, *m.PlatformID, *m.ThreadID, *m.SeriesID)
	}
	var content struct{ Attachments []map[string]any }
	if err := json.Unmarshal([]byte(due[0].Content), &content); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"name": "Q3 Bericht.png", "localPath": "inbox/m1/Q3 Bericht.png"}}
	if !reflect.DeepEqual(content.Attachments, want) {
		t.Errorf("attachments are %v, want %v", content.Attachments, want)
	}
	if got, err := os.ReadFile(filepath.Join(s.folder, "inbox", "m1", "Q3 Bericht.png")); err != nil || string(got) != string(photo) {
		t.Errorf("the attachment is %q: %v", got, err)
	}

	foreign.Run(t, "claim", s.folder, "m1")
	if got := s.messages(t)[0].Status; got != "PROCESSING" {
		t.Errorf("after the claim the message is %s", got)
	}
	foreign.Run(t, "reply", s.folder, "--id", "r1", "--in-reply-to", "m1", "--content", `{"text":"a picture"}`)
	foreign.Run(t, "complete", s.folder, "m1")
	if got := s.messages(t)[0].Status; got != "COMPLETED" {
		t.Errorf("after the acknowledgement the message is %s", got)
	}
	replies := s.replies(t)
	if len(replies) != 1 || replies[0].ReplyID != "r1" || replies[0].Seq != 3 || *replies[0].InReplyTo != "m1" ||
		replies[0].ContentText != `{"text":"a picture"}` || *replies[0].PlatformID != t.Name() || *replies[0].ThreadID != "7" {
		t.Errorf("the replies are %+v", replies)
	}
	s.write(t, "m2", "thanks")
	if m := s.messages(t); m[1].Seq != 4 {
		t.Errorf("the next message has seq %d", m[1].Seq)
	}
	s.checkSound(t, 2, 1)
}

// checkSound expects what every folder promises to the other side.
func (s session) checkSound(t *testing.T, messages, replies int) {
	t.Helper()
	in, out := foreign.Check(t, s.folder)
	if want := (foreign.Report{Integrity: "ok", JournalMode: "delete", Rows: messages}); in != want {
		t.Errorf("inbound.db: %+v, want %+v", in, want)
	}
	if want := (foreign.Report{Integrity: "ok", JournalMode: "delete", Rows: replies}); out != want {
		t.Errorf("outbound.db: %+v, want %+v", out, want)
	}
}

func TestFailedAcknowledgementIsCopiedAsFailed(t *testing.T) {
	s := newSession(t)
	s.write(t, "m1", "try this")
	foreign.Run(t, "fail", s.folder, "m1")
	s.mark(t, "STOPPED")
	if got := foreign.Rows(t, s.folder, "inbound", "messages_in")[0]["status"]; got != "failed" {
		t.Errorf("messages_in.status is %v", got)
	}
}

// Containers fetch the newest ten due rows and then drop the acknowledged ones.
func TestAcknowledgedMessagesDoNotStarveOlderOnes(t *testing.T) {
	s := newSession(t)
	ids := strings.Fields("m01 m02 m03 m04 m05 m06 m07 m08 m09 m10 m11 m12")
	for _, id := range ids {
		s.write(t, id, "work")
	}
	for _, id := range ids[2:] {
		foreign.Run(t, "complete", s.folder, id)
	}
	until(t, "the two oldest to be found", func() bool {
		due := foreign.Poll(t, s.folder)
		return len(due) == 2 && due[0].ID == "m01" && due[1].ID == "m02"
	})
}

func TestContainerSeesOnlyWhatIsDue(t *testing.T) {
	s := newSession(t)
	now := time.Now()
	s.write(t, "past", "x", map[string]any{"processAfter": now.Add(-time.Hour).Format(time.RFC3339)})
	s.write(t, "other-zone", "x", map[string]any{"processAfter": now.Add(-time.Minute).In(time.FixedZone("", -7*3600)).Format(time.RFC3339)})
	s.write(t, "future", "x", map[string]any{"processAfter": now.Add(time.Hour).Format(time.RFC3339)})
	s.write(t, "context", "x", map[string]any{"trigger": false})
	s.write(t, "on-wake", "x", map[string]any{"onWake": true})
	ids := func(args ...string) (ids []string) {
		for _, m := range foreign.Poll(t, s.folder, args...) {
			ids = append(ids, m.ID)
		}
		return ids
	}
	if got, want := ids("--first"), []string{"past", "other-zone", "context", "on-wake"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the first poll finds %v, want %v", got, want)
	}
	if got, want := ids(), []string{"past", "other-zone", "context"}; !reflect.DeepEqual(got, want) {
		t.Errorf("a later poll finds %v, want %v", got, want)
	}
}

func TestSystemResponseIsFoundByTextSearch(t *testing.T) {
	s := newSession(t)
	s.engine.MustQuery(t, `mutation($input: WriteSystemResponseInput!) { writeSystemResponse(input: $input) { userErrors { message } } }`,
		map[string]any{"input": map[string]any{"sessionId": s.id, "requestId": "q<1>", "status": "ok", "result": map[string]any{"selectedOption": "yes & no"}}}, nil)
	due := foreign.Poll(t, s.folder)
	if len(due) != 1 || due[0].Kind != "system" {
		t.Fatalf("the container finds %+v", due)
	}
	for _, want := range []string{`"questionId":"q<1>"`, `"selectedOption":"yes & no"`, `"type":"question_response"`} {
		if !strings.Contains(due[0].Content, want) {
			t.Errorf("%s is not in %s", want, due[0].Content)
		}
	}
}

func TestDestinationsAndRoutingReachTheContainer(t *testing.T) {
	s := newSession(t)
	s.engine.MustQuery(t, `mutation {
		createAgentGroup(input: {id: "helpers", name: "Helpers"}) { userErrors { message } }
		setDestination(input: {agentGroupId: "ag", name: "help", targetAgentGroupId: "helpers"}) { userErrors { message } }
	}`, nil, nil)
	want := []map[string]any{{"name": "help", "display_name": "Helpers", "type": "agent",
		"agent_group_id": "helpers", "channel_type": nil, "platform_id": nil}}
	until(t, "the destination to be in the table", func() bool {
		return reflect.DeepEqual(foreign.Rows(t, s.folder, "inbound", "destinations"), want)
	})
	until(t, "the destination to be in the JSON file", func() bool {
		got, err := os.ReadFile(filepath.Join(s.folder, ".nanoclaw-destinations.json"))
		return err == nil && strings.TrimSpace(string(got)) ==
			`{"destinations":[{"name":"help","displayName":"Helpers","type":"agent","agentGroupId":"helpers"}]}`
	})
	routing := []map[string]any{{"id": 1.0, "channel_type": "telegram", "platform_id": t.Name(), "thread_id": "7"}}
	if got := foreign.Rows(t, s.folder, "inbound", "session_routing"); !reflect.DeepEqual(got, routing) {
		t.Errorf("session_routing is %v, want %v", got, routing)
	}
}
