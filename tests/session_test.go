package tests_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// session is a session of a running engine, and its folder on disk.
type session struct {
	engine *engineproc.Process
	id     string
	folder string
}

type userError struct {
	Code    string
	Message string
	Field   []string
}

// start serves a new data directory until the test ends.
func start(t *testing.T, args ...string) (engine *engineproc.Process, data string) {
	t.Helper()
	return startBinary(t, engineproc.Binary(t), args...)
}

func startBinary(t *testing.T, bin string, args ...string) (engine *engineproc.Process, data string) {
	t.Helper()
	data = t.TempDir()
	engine = engineproc.StartBinary(t, bin, data, args...)
	engine.MustQuery(t, `mutation { createAgentGroup(input: {id: "ag", name: "Agents"}) { userErrors { message } } }`, nil, nil)
	return engine, data
}

// newSession makes a session in a chat of its own, with the test's name as platform id.
func newSession(t *testing.T, args ...string) session {
	t.Helper()
	return newSessionIn(t, engineproc.Binary(t), args...)
}

// newSessionIn is newSession in an engine of a certain binary.
func newSessionIn(t *testing.T, bin string, args ...string) session {
	t.Helper()
	engine, data := startBinary(t, bin, args...)
	var chat struct {
		EnsureMessagingGroup struct{ MessagingGroup struct{ ID string } }
	}
	engine.MustQuery(t, `mutation($platform: String!) {
		ensureMessagingGroup(input: {channelType: "telegram", platformId: $platform}) { messagingGroup { id } userErrors { message } }
	}`, map[string]any{"platform": t.Name()}, &chat)
	var resolved struct {
		ResolveSession struct{ Session struct{ ID, Folder string } }
	}
	engine.MustQuery(t, `mutation($chat: ID!) {
		resolveSession(input: {agentGroupId: "ag", messagingGroupId: $chat, threadId: "7", mode: PER_THREAD}) { session { id folder } userErrors { message } }
	}`, map[string]any{"chat": chat.EnsureMessagingGroup.MessagingGroup.ID}, &resolved)
	s := resolved.ResolveSession.Session
	return session{engine: engine, id: s.ID, folder: filepath.Join(data, filepath.FromSlash(s.Folder))}
}

// write writes a message that must be accepted; more are further fields of the input.
func (s session) write(t *testing.T, id string, content any, more ...map[string]any) {
	t.Helper()
	if errors, err := s.tryWrite(t.Context(), id, content, more...); err != nil || len(errors) > 0 {
		t.Fatalf("write %s: %+v, %v", id, errors, err)
	}
}

func (s session) tryWrite(ctx context.Context, id string, content any, more ...map[string]any) ([]userError, error) {
	input := map[string]any{"sessionId": s.id, "messageId": id, "content": content}
	for _, m := range more {
		for k, v := range m {
			input[k] = v
		}
	}
	var out struct {
		WriteMessage struct{ UserErrors []userError }
	}
	err := s.engine.Query(ctx, `mutation($input: WriteMessageInput!) {
		writeMessage(input: $input) { outcome userErrors { code message field } } }`, map[string]any{"input": input}, &out)
	return out.WriteMessage.UserErrors, err
}

// mark records what became of the session's container.
func (s session) mark(t *testing.T, status string) {
	t.Helper()
	var out struct {
		MarkContainer struct{ UserErrors []userError }
	}
	s.engine.MustQuery(t, `mutation($input: MarkContainerInput!) { markContainer(input: $input) { userErrors { code message } } }`,
		map[string]any{"input": map[string]any{"sessionId": s.id, "status": status}}, &out)
	if errors := out.MarkContainer.UserErrors; len(errors) > 0 {
		t.Fatalf("mark the container %s: %+v", status, errors)
	}
}

type message struct {
	MessageID   string
	Seq         int64
	Status      string
	ContentText string
	SeriesID    *string
	Trigger     bool
	Problem     *string
}

func (s session) messages(t *testing.T) []message {
	t.Helper()
	var out struct {
		Session struct{ Messages struct{ Nodes []message } }
	}
	s.engine.MustQuery(t, `query($id: ID!) { session(id: $id) { messages(first: 100) {
		nodes { messageId seq status contentText seriesId trigger problem } } } }`, map[string]any{"id": s.id}, &out)
	return out.Session.Messages.Nodes
}

type reply struct {
	ReplyID     string
	Seq         int64
	InReplyTo   *string
	ContentText string
	PlatformID  *string
	ThreadID    *string
	Problem     *string
}

func (s session) replies(t *testing.T) []reply {
	t.Helper()
	var out struct {
		Session struct{ Replies struct{ Nodes []reply } }
	}
	s.engine.MustQuery(t, repliesDocument, map[string]any{"id": s.id}, &out)
	return out.Session.Replies.Nodes
}

const repliesDocument = `query($id: ID!) { session(id: $id) { replies(first: 100) {
	nodes { replyId seq inReplyTo contentText platformId threadId problem } } } }`
