package tests_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// sent is a message that was acknowledged.
type sent struct {
	caller, id string
	seq        int64
	sum        [32]byte // of its attachment
	attached   bool
}

// caller writes to one session, a message after the other, each until it is
// acknowledged.
type caller struct {
	name    string
	session string
	// size is an attachment's, in bytes; -1 is a message without one.
	size func(n int) int
	// upload tells messages whose attachment is uploaded first.
	upload func(n int) bool
	sent   []sent
}

func (c *caller) run(s *supervisor) {
	for n := 0; !s.finished(); n++ {
		if !c.write(s, n) {
			return
		}
	}
}

func (c *caller) write(s *supervisor, n int) bool {
	m := sent{caller: c.name, id: fmt.Sprintf("%s-%05d", c.name, n)}
	content := map[string]any{"text": m.id}
	if size := c.size(n); size >= 0 {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		m.attached, m.sum = true, sha256.Sum256(data)
		attachment := map[string]any{"name": "data.bin"}
		if c.upload != nil && c.upload(n) {
			if !s.call("upload for "+m.id, func(e *engineproc.Process) (err error) { attachment["uploadId"], err = upload(e, data); return err }) {
				return false
			}
		} else {
			attachment["data"] = base64.StdEncoding.EncodeToString(data)
		}
		content["attachments"] = []any{attachment}
	}
	ok := s.call("write "+m.id, func(e *engineproc.Process) (err error) {
		m.seq, err = writeTo(e, c.session, m.id, content)
		return err
	})
	if ok {
		c.sent = append(c.sent, m)
	}
	return ok
}

// writeTo writes a message; also what the sender could mend is an error.
func writeTo(e *engineproc.Process, sessionID, id string, content any) (seq int64, err error) {
	var out struct {
		WriteMessage struct {
			Message    *struct{ Seq int64 }
			UserErrors []userError
		}
	}
	err = e.Query(background(), `mutation($input: WriteMessageInput!) {
		writeMessage(input: $input) { message { seq } userErrors { code message field } } }`,
		map[string]any{"input": map[string]any{"sessionId": sessionID, "messageId": id, "content": content}}, &out)
	switch {
	case err != nil:
		return 0, err
	case len(out.WriteMessage.UserErrors) > 0:
		return 0, &refusal{out.WriteMessage.UserErrors}
	case out.WriteMessage.Message == nil:
		return 0, errors.New("an answer without a message")
	}
	return out.WriteMessage.Message.Seq, nil
}

// refusal is what the sender could mend.
type refusal struct{ errors []userError }

func (r *refusal) Error() string { return fmt.Sprintf("user errors %+v", r.errors) }

func upload(e *engineproc.Process, data []byte) (id string, err error) {
	req, err := http.NewRequestWithContext(background(), http.MethodPost, e.URL+"/uploads", bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+e.Token)
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	var answer struct{ UploadID string }
	if err := json.Unmarshal(text, &answer); err != nil || answer.UploadID == "" {
		return "", fmt.Errorf("%s: %s", res.Status, text)
	}
	return answer.UploadID, nil
}

// chat makes a messaging group and returns its id.
func chat(e *engineproc.Process, platform string) (string, error) {
	var out struct {
		EnsureMessagingGroup struct{ MessagingGroup struct{ ID string } }
	}
	err := e.Query(background(), `mutation($platform: String!) {
		ensureMessagingGroup(input: {channelType: "telegram", platformId: $platform}) { messagingGroup { id } userErrors { message } } }`,
		map[string]any{"platform": platform}, &out)
	return out.EnsureMessagingGroup.MessagingGroup.ID, err
}

// resolve returns the session of a thread, and its folder in the data directory.
func resolve(e *engineproc.Process, chatID, thread string) (id, folder string, err error) {
	var out struct {
		ResolveSession struct {
			Session    *struct{ ID, Folder string }
			UserErrors []userError
		}
	}
	err = e.Query(background(), `mutation($chat: ID!, $thread: String!) {
		resolveSession(input: {agentGroupId: "ag", messagingGroupId: $chat, threadId: $thread, mode: PER_THREAD}) {
			session { id folder } userErrors { code message } } }`, map[string]any{"chat": chatID, "thread": thread}, &out)
	if err == nil && out.ResolveSession.Session == nil {
		err = &refusal{out.ResolveSession.UserErrors}
	}
	if err != nil {
		return "", "", err
	}
	return out.ResolveSession.Session.ID, filepath.FromSlash(out.ResolveSession.Session.Folder), nil
}

func createAgents(e *engineproc.Process) error {
	return e.Query(background(), `mutation { createAgentGroup(input: {id: "ag", name: "Agents"}) { userErrors { message } } }`, nil, nil)
}

// checkKept compares a session's folder with what its callers were told: none
// is missing, none is there twice, none is there that nobody was told of
// unless it was never answered.
func checkKept(t *testing.T, folder string, acknowledged []sent, unanswered map[string]bool) {
	t.Helper()
	in, out := foreign.Check(t, folder)
	if in.Integrity != "ok" || in.JournalMode != "delete" || in.WrongParity != 0 || in.Duplicates != 0 || out.Integrity != "ok" {
		t.Errorf("%s: inbound.db %+v, outbound.db %+v", folder, in, out)
	}
	type row struct {
		seq     int64
		content string
	}
	rows, folders := map[string]row{}, map[string]bool{}
	for _, r := range foreign.Rows(t, folder, "inbound", "messages_in") {
		id := r["id"].(string)
		if _, twice := rows[id]; twice {
			t.Errorf("%s: message %s is there twice", folder, id)
		}
		rows[id] = row{int64(r["seq"].(float64)), r["content"].(string)}
	}
	told, last := map[string]bool{}, map[string]int64{}
	for _, m := range acknowledged {
		told[m.id] = true
		r, ok := rows[m.id]
		switch {
		case !ok:
			t.Errorf("%s: message %s was acknowledged and is gone", folder, m.id)
			continue
		case r.seq != m.seq:
			t.Errorf("%s: message %s has seq %d, its caller was told %d", folder, m.id, r.seq, m.seq)
		case r.seq <= last[m.caller]:
			t.Errorf("%s: message %s has seq %d, the one before it %d", folder, m.id, r.seq, last[m.caller])
		}
		last[m.caller] = r.seq
		if path := checkAttachment(t, folder, m, r.content); path != "" {
			folders[filepath.Dir(path)] = true
		}
	}
	for id, r := range rows {
		if !told[id] && !unanswered[id] {
			t.Errorf("%s: nobody was told of message %s", folder, id)
		}
		if strings.Contains(r.content, `"data"`) || strings.Contains(r.content, "uploadId") {
			t.Errorf("%s: bytes are left in the row of %s", folder, id)
		}
		if unanswered[id] {
			folders[filepath.Join("inbox", id)] = true
		}
	}
	entries, err := os.ReadDir(filepath.Join(folder, "inbox"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !folders[filepath.Join("inbox", e.Name())] {
			t.Errorf("%s: inbox/%s belongs to no message", folder, e.Name())
		}
	}
}

// checkAttachment returns the path of a message's attachment, "" if it has none.
func checkAttachment(t *testing.T, folder string, m sent, content string) string {
	t.Helper()
	if !m.attached {
		return ""
	}
	var c struct{ Attachments []struct{ LocalPath string } }
	if err := json.Unmarshal([]byte(content), &c); err != nil || len(c.Attachments) != 1 {
		t.Errorf("%s: the content of %s is %s: %v", folder, m.id, content, err)
		return ""
	}
	path := filepath.FromSlash(c.Attachments[0].LocalPath)
	data, err := os.ReadFile(filepath.Join(folder, path))
	if err != nil || sha256.Sum256(data) != m.sum {
		t.Errorf("%s: the attachment of %s is not what was sent: %d bytes, %v", folder, m.id, len(data), err)
	}
	return path
}
