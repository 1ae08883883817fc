package tests_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestHooksSeeAttachmentsWithoutTheirBytesAndMayKeepOrRemoveThem(t *testing.T) {
	s := hooked(t, "look", `export function onMessage(m) {
  const [a, b, c] = m.content.attachments
  m.content.text = JSON.stringify(m.content.attachments)
  m.content.attachments = [c, {...b, name: "renamed.txt"}]
  return m
}`)
	w := s.send(t, saying("", attachment("a.txt", "text/plain", "aaa"),
		attachment("b.txt", "text/plain", "bbbb"), map[string]any{"url": "https://example.com/x", "ref": "mine"}))
	if w.Outcome != "WRITTEN" {
		t.Fatalf("the answer is %+v", w)
	}
	var stored struct {
		Text        string
		Attachments []map[string]any
	}
	if err := json.Unmarshal([]byte(w.Message.ContentText), &stored); err != nil {
		t.Fatal(err)
	}
	if want := `[{"mimeType":"text/plain","name":"a.txt","ref":"att-0","size":3},{"mimeType":"text/plain","name":"b.txt","ref":"att-1","size":4},{"ref":"mine","url":"https://example.com/x"}]`; stored.Text != want {
		t.Errorf("the hook saw %s\nnot %s", stored.Text, want)
	}
	if a := stored.Attachments; len(a) != 2 || len(a[0]) != 2 || a[0]["ref"] != "mine" || a[1]["name"] != "renamed.txt" || len(a[1]) != 3 {
		t.Errorf("stored: %s", w.Message.ContentText)
	}
	s.checkFiles(t, map[string]string{"renamed.txt": "bbbb"})
}

func TestSendersMayHaveRefsOfTheirOwn(t *testing.T) {
	s := hooked(t, "sign", `export function onMessage(m) { m.content.text += "!"; return m }`)
	for _, content := range []any{
		map[string]any{"text": "a", "attachments": []any{map[string]any{"name": "x", "ref": "att-0"}}},
		`{"text":"a","attachments":[{"name":"x","ref":"att-0"}]}`,
	} {
		if got := s.stored(t, map[string]any{"content": content}); got != `{"attachments":[{"name":"x","ref":"att-0"}],"text":"a!"}` {
			t.Errorf("%v is stored as %s", content, got)
		}
	}
	// Beside one that brings bytes, its ref is that one's: it cannot be told apart.
	w := s.send(t, saying("a", attachment("y", "text/plain", "y"), map[string]any{"name": "x", "ref": "mine"}))
	if w.Outcome != "WRITTEN" || !strings.Contains(w.Message.ContentText, `{"name":"x","ref":"mine"}`) {
		t.Errorf("the answer is %+v", w)
	}
}

func TestADryRunTakesAttachmentsWithData(t *testing.T) {
	s := hooked(t, "look", `export function onMessage(m) { m.content.text = JSON.stringify(m.content.attachments); return m }`)
	var out struct {
		DryRunHooks struct {
			Result     string
			Content    struct{ Text string }
			UserErrors []userError
		}
	}
	s.engine.MustQuery(t, `mutation($content: JSON) { dryRunHooks(input: {point: ON_MESSAGE, content: $content}) { result content userErrors { message } } }`,
		map[string]any{"content": saying("a", attachment("y", "text/plain", "yyyy"))["content"]}, &out)
	if r := out.DryRunHooks; r.Result != "REPLACE" || r.Content.Text != `[{"mimeType":"text/plain","name":"y","ref":"att-0","size":4}]` {
		t.Errorf("the dry run came to %+v", r)
	}
}

func TestADryRunSaysHowManyStoredAttachmentsItGoesThrough(t *testing.T) {
	s := hooked(t, "files", attachmentHook)
	dryRun := func(id string, files int) (int, []userError) {
		t.Helper()
		var list []any
		for range files {
			list = append(list, attachment("a.txt", "text/plain", "a"))
		}
		s.write(t, id, saying("files", list...)["content"])
		var out struct {
			DryRunHooks struct {
				Steps      []struct{ Action string }
				UserErrors []userError
			}
		}
		s.engine.MustQuery(t, `mutation($session: ID!, $id: String) { dryRunHooks(input: {point: ON_ATTACHMENT, sessionId: $session, messageId: $id}) {
			steps { action } userErrors { code message field } } }`, map[string]any{"session": s.id, "id": id}, &out)
		return len(out.DryRunHooks.Steps), out.DryRunHooks.UserErrors
	}
	if steps, errors := dryRun("m1", 20); steps != 20 || len(errors) > 0 {
		t.Errorf("%d steps for 20 attachments, %+v", steps, errors)
	}
	if _, errors := dryRun("m2", 21); len(errors) != 1 || errors[0].Code != "LIMIT_EXCEEDED" || !strings.Contains(errors[0].Message, "21 attachments, more than the 20") {
		t.Errorf("for 21 attachments: %+v", errors)
	}
}

func TestHooksChangeAndRemoveAttachments(t *testing.T) {
	s := hooked(t, "files", attachmentHook)
	var files []any
	for _, name := range []string{"remove.txt", "rename.txt", "replace.txt", "empty.txt", "pass.txt", "path.txt"} {
		files = append(files, attachment(name, "text/plain", "of "+name))
	}
	w := s.send(t, saying("files", files...))
	if w.Outcome != "WRITTEN" {
		t.Fatalf("the answer is %+v", w)
	}
	s.checkFiles(t, map[string]string{"renamed.md": "of rename.txt", "replace.txt": "txt.ecalper fo", "empty.txt": "", "pass.txt": "of pass.txt", "text.txt": "of path.txt"})
	for _, a := range w.Message.Attachments {
		if a.Name == "renamed.md" && a.MimeType != "text/markdown" {
			t.Errorf("%s has the type %s", a.Name, a.MimeType)
		}
	}
}

func TestAHookAtAnAttachmentRefusesTheWholeMessage(t *testing.T) {
	s := hooked(t, "files", attachmentHook)
	good := attachment("pass.txt", "text/plain", "x")
	if e := s.refused(t, saying("files", good, attachment("reject.txt", "text/plain", "x"))); e.Code != "HOOK_REJECTED" || e.Message != "no such files, please" {
		t.Errorf("the error is %+v", e)
	}
	if e := s.refused(t, saying("files", good, attachment("throw.txt", "text/plain", "x"))); e.Code != "HOOK_FAILED" || !strings.Contains(e.Message, "no luck") {
		t.Errorf("the error is %+v", e)
	}
	s.checkNothingWritten(t)
}

func TestAllAttachmentsMayBeRemoved(t *testing.T) {
	s := hooked(t, "files", attachmentHook)
	if got := s.stored(t, saying("files", attachment("remove.txt", "text/plain", "x"))); got != `{"attachments":[],"text":"files"}` {
		t.Errorf("stored: %s", got)
	}
	s.checkFiles(t, map[string]string{})
}

func TestUploadsPassThroughHooks(t *testing.T) {
	s := hooked(t, "files", attachmentHook)
	upload := func(content string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.engine.Address+"/uploads", strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.engine.Token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out struct{ UploadID string }
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.UploadID == "" {
			t.Fatalf("upload: %s, %v", res.Status, err)
		}
		return out.UploadID
	}
	replaced, kept := upload("of replace"), upload("of pass")
	s.stored(t, saying("files",
		map[string]any{"name": "replace.txt", "uploadId": replaced}, map[string]any{"name": "pass.txt", "uploadId": kept}))
	s.checkFiles(t, map[string]string{"replace.txt": "ecalper fo", "pass.txt": "of pass"})
	for _, id := range []string{replaced, kept} {
		if e := s.refused(t, saying("again", map[string]any{"name": "pass.txt", "uploadId": id})); e.Code != "NOT_FOUND" {
			t.Errorf("an upload that was attached: %+v", e)
		}
	}
}
