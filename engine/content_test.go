package engine_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

var (
	must     = hosttest.Must
	wantCode = hosttest.WantCode
)

func decoded(t testing.TB, text string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	must(t, d.Decode(&v))
	return v
}

func TestContentIsStoredAsTheProtocolSays(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	for i, c := range []struct {
		kind    string
		content any
		want    string // "" is refused
	}{
		{"chat", "hello", "hello"},
		{"chat", "", ""},
		{"chat", `  {"text": "as it stands"}  `, `  {"text": "as it stands"}  `},
		{"chat", decoded(t, `{"text": "<b>&", "n": 1.50, "big": 12345678901234567890}`), `{"big":12345678901234567890,"n":1.50,"text":"<b>&"}`},
		{"chat", decoded(t, `{"noText": [1, {"a": null}]}`), `{"noText":[1,{"a":null}]}`},
		{"chat", decoded(t, `{"text": 5}`), ""},
		{"chat", decoded(t, `{"text": null}`), ""},
		{"chat", decoded(t, `[1]`), ""},
		{"task", decoded(t, `5`), ""},
		{"task", nil, ""},
		{"task", true, ""},
		{"chat", `null`, `{"text":"null"}`},
		{"chat", ` 5 `, `{"text":" 5 "}`},
		{"chat", `"x"`, `{"text":"\"x\""}`},
		{"task", `[1]`, `{"text":"[1]"}`},
		{"task", `{"text":5}`, `{"text":"{\"text\":5}"}`},
		{"chat", `{"text":"a"} and more`, `{"text":"a"} and more`},
		{"chat", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), `{"text":"` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `"}`},
		{"webhook", decoded(t, `[1, 2]`), `[1,2]`},
		{"webhook", nil, `null`},
		{"webhook", `null`, `null`},
		{"chat", "not\x00text", ""},
		{"chat", "not\xfftext", ""},
		{"chat", struct {
			Text string `json:"text"`
		}{"of a struct"}, `{"text":"of a struct"}`},
	} {
		id := fmt.Sprintf("m%d", i)
		m, _, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Kind: c.kind, Content: c.content})
		if c.want == "" && c.content != "" {
			wantCode(t, err, engine.CodeInvalidInput)
			continue
		}
		if err != nil || m.Content != c.want {
			t.Errorf("%.40v became %.60v, %v; want %.60s", c.content, m, err, c.want)
		}
	}
}

// A text that holds JSON is what a container reads as JSON: for plain text it
// must not pass, or hooks would look at one thing and a container at another.
func TestJSONOfTooManyValuesIsRefusedHoweverItComes(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	// The object, its text, its list and what that holds.
	of := func(n int) string {
		return `{"text":"a, [b, {","x":[ [] ` + strings.Repeat(`,[]`, n-4) + `]}`
	}
	for name, content := range map[string]any{"an object": decoded(t, of(250_000)), "a text": of(250_000)} {
		h.MustWrite(t, s, "just so many as "+name, content)
	}
	for name, content := range map[string]any{"an object": decoded(t, of(250_001)), "a text": of(250_001), "ten megabytes": "[[]" + strings.Repeat(",[]", 3_400_000) + "]"} {
		_, _, err := h.Write(t, s, name, content)
		if e, ok := errors.AsType[*engine.Error](err); !ok || e.Code != engine.CodeLimitExceeded || !slices.Equal(e.Field, []string{"content"}) || !strings.Contains(e.Message, "more than the 250000 values") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is no JSON to anybody is a text.
	text := "[" + strings.Repeat("a, ", 300_000)
	if m := h.MustWrite(t, s, "a text with commas", text); m.Content != text {
		t.Errorf("it became %.60s", m.Content)
	}
}

// rows is everything that inbound.db holds of messages, and what lies in inbox.
func left(t *testing.T, h *hosttest.Host, s engine.Session) (rows, files []string) {
	t.Helper()
	rows = h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in UNION ALL SELECT id FROM engine_accepted`)
	entries, err := os.ReadDir(h.Folder(s, "inbox"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, e.Name())
	}
	return rows, files
}

func TestBase64IsTakenInBothAlphabetsAndNothingElse(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	data := "\xfb\xff\xbf\xfe~~~"
	for _, good := range []string{
		base64.StdEncoding.EncodeToString([]byte(data)), base64.RawStdEncoding.EncodeToString([]byte(data)),
		base64.URLEncoding.EncodeToString([]byte(data)), base64.RawURLEncoding.EncodeToString([]byte(data)),
		"+/+/\r\n/n5+\nfg==\n", "+/+//n5+fg=\n=", "\n+/+//n5+fg",
	} {
		s := h.Session(t)
		m := h.MustWrite(t, s, "m", hosttest.Attach(map[string]any{"name": "a", "data": good}))
		if got, err := os.ReadFile(h.Folder(s, "inbox", "m", "a")); err != nil || string(got) != data {
			t.Errorf("%q became %q, %v", good, got, err)
		}
		if strings.Contains(m.Content, good) {
			t.Errorf("%q stayed behind in %s", good, m.Content)
		}
	}
	s := h.Session(t)
	for _, bad := range []string{"+/-_", "QQ= =", "QQ=", "QUJD=", "QUJDR", "QR==", "====", "Q Q==", "QQ==QQ==", "QQ\t==", "@", "data:text/plain;base64,QUJD", "Ä"} {
		_, _, err := h.Write(t, s, "m", hosttest.Attach(hosttest.File("first", "fine"), map[string]any{"name": "a", "data": bad}))
		wantCode(t, err, engine.CodeInvalidInput)
		wantField(t, err, "content", "attachments", "1", "data")
	}
	if rows, files := left(t, h, s); len(rows)+len(files) > 0 {
		t.Errorf("refused messages left rows %q and files %q", rows, files)
	}
}

func wantField(t *testing.T, err error, path ...string) {
	t.Helper()
	if e, ok := errors.AsType[*engine.Error](err); !ok || !slices.Equal(e.Field, path) {
		t.Errorf("%v is not about %q", err, path)
	}
}

// Lesson 3, in every form that attachments come in.
func TestNoBase64StaysBehindInAnyStoredRow(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("secret", 10)))
	h := hosttest.Open(t, sessions.Options{})
	for name, content := range map[string]any{
		"two of one name":             hosttest.Attach(map[string]any{"name": "a", "data": secret}, map[string]any{"name": "a", "data": secret}),
		"without a name":              hosttest.Attach(map[string]any{"data": secret}),
		"a string that holds JSON":    `{"text":"x","attachments":[{"name":"a","data":"` + secret + `"}]}`,
		"an escaped key":              `{"text":"x","attachments":[{"name":"a","d\u0061ta":"` + secret + `"}]}`,
		"a list that comes twice":     `{"text":"x","attachments":[{"name":"a","data":"` + secret + `"}],"attachments":[]}`,
		"a list that comes first":     `{"text":"x","attachments":[],"attachments":[{"name":"a","data":"` + secret + `"}]}`,
		"a list that is null at last": `{"text":"x","attachments":[{"name":"a","data":"` + secret + `"}],"attachments":null}`,
		"data that comes twice":       `{"text":"x","attachments":[{"data":"` + secret + `","data":null}]}`,
		"an element of other types":   decoded(t, `{"attachments":[null, 5, "x", [], {"name":"a","data":"`+secret+`"}]}`),
		"maps of a Go caller":         map[string]any{"attachments": []map[string]any{{"name": "a", "data": secret}}},
		"strings of a Go caller":      map[string]any{"attachments": []any{map[string]string{"name": "a", "data": secret}}},
	} {
		s := h.Session(t)
		for _, kind := range []string{"chat", "webhook"} {
			id := kind
			if _, _, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Kind: kind, Content: content}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		file, err := os.ReadFile(h.Folder(s, "inbound.db"))
		must(t, err)
		if strings.Contains(string(file), secret) {
			t.Errorf("%s: base64 is in inbound.db: %s", name, h.Rows(t, s, "inbound.db", `SELECT content FROM messages_in`))
		}
	}
}

// Lesson 1: what a sender names a file or a message never leads out.
func TestNamesAreKeptWhereSafeAndDerivedWhereNot(t *testing.T) {
	long := strings.Repeat("ü", 127) + "x" // 255 bytes
	for _, c := range []struct {
		elements []map[string]any
		want     []string
	}{
		{[]map[string]any{{"name": "Q3 Bericht.pdf"}}, []string{"Q3 Bericht.pdf"}},
		{[]map[string]any{{"name": long}}, []string{long}},
		{[]map[string]any{{"name": long + "x", "mimeType": "text/plain"}}, []string{"text.txt"}},
		{[]map[string]any{{"name": "../../evil", "mimeType": "application/pdf"}}, []string{"attachment.pdf"}},
		{[]map[string]any{{"name": `..\evil`, "type": "photo"}}, []string{"photo.jpg"}},
		{[]map[string]any{{"name": ".hidden", "type": "voice"}}, []string{"voice.ogg"}},
		{[]map[string]any{{"name": "..", "type": "document", "mimeType": "text/html; charset=utf-8"}}, []string{"document.html"}},
		{[]map[string]any{{"name": "a\nb", "type": "../x"}}, []string{"attachment.bin"}},
		{[]map[string]any{{"name": "a\x00", "type": 5, "mimeType": "image/../../x"}}, []string{"attachment.bin"}},
		{[]map[string]any{{"name": 5, "mimeType": "image/png"}}, []string{"image.png"}},
		{[]map[string]any{{}}, []string{"attachment.bin"}},
		{[]map[string]any{{"name": "a.txt"}, {"name": "a.txt"}, {"name": "A.TXT"}}, []string{"a.txt", "a-2.txt", "A-3.TXT"}},
		{[]map[string]any{{"name": "a.txt"}, {"name": "a-2.txt"}, {"name": "a.txt"}}, []string{"a.txt", "a-2.txt", "a-3.txt"}},
		{[]map[string]any{{"name": long}, {"name": long}}, []string{long, strings.Repeat("ü", 126) + "-2"}},
	} {
		h := hosttest.Open(t, sessions.Options{})
		s := h.Session(t)
		for _, e := range c.elements {
			e["data"] = "eA=="
		}
		m := h.MustWrite(t, s, "m", hosttest.Attach(c.elements...))
		files, err := h.MessageAttachments(t.Context(), s, *m)
		must(t, err)
		var got []string
		for _, f := range files {
			got = append(got, f.Name)
			if f.Path != "inbox/m/"+f.Name || f.Size != 1 {
				t.Errorf("%+v", f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v became %q, want %q", c.elements, got, c.want)
		}
	}
}

func TestUnsafeMessageIDsGetASlugOfTheirOwn(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	seen := map[string]bool{}
	for _, id := range []string{"1761998400.000100", "..", "../../etc", "a/b", "a:b", "a-b", `a\b`, ".", ".hidden", "über", "😀", " ", strings.Repeat("x", 200), strings.Repeat("../", 100)} {
		m := h.MustWrite(t, s, id, hosttest.Attach(hosttest.File("a.txt", id)))
		files, err := h.MessageAttachments(t.Context(), s, *m)
		must(t, err)
		if len(files) != 1 {
			t.Fatalf("%q: %d files", id, len(files))
		}
		folder := filepath.Dir(files[0].Path)
		if name := filepath.Base(folder); filepath.Dir(folder) != "inbox" || !engine.SafeID(name) || seen[name] || engine.SafeID(id) && name != id {
			t.Errorf("%q went to %q", id, files[0].Path)
		} else {
			seen[name] = true
		}
		if got, err := os.ReadFile(h.Folder(s, filepath.FromSlash(files[0].Path))); err != nil || string(got) != id {
			t.Errorf("%q holds %q, %v", files[0].Path, got, err)
		}
	}
}

func TestBadInputIsRefusedWithItsFieldAndLeavesNothing(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{Limits: engine.Limits{ContentBytes: 1000, AttachmentBytes: 100, SessionBytes: 200_000}})
	s := h.Session(t)
	late := mustTime(t, "9999-12-31T23:59:59Z").AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		in    engine.WriteMessageInput
		code  engine.Code
		field []string
	}{
		"content over its limit":       {engine.WriteMessageInput{Content: strings.Repeat("x", 1001)}, engine.CodeLimitExceeded, []string{"content"}},
		"content that grows":           {engine.WriteMessageInput{Content: hosttest.Attach(map[string]any{"data": "", "more": strings.Repeat("x", 990)})}, engine.CodeLimitExceeded, []string{"content"}},
		"an attachment over its limit": {engine.WriteMessageInput{Content: hosttest.Attach(hosttest.File("a", "fine"), hosttest.File("b", strings.Repeat("x", 101)))}, engine.CodeLimitExceeded, []string{"content", "attachments", "1", "data"}},
		"junk over the limit":          {engine.WriteMessageInput{Content: hosttest.Attach(map[string]any{"data": strings.Repeat("@", 200)})}, engine.CodeLimitExceeded, []string{"content", "attachments", "0", "data"}},
		"data of another type":         {engine.WriteMessageInput{Content: hosttest.Attach(map[string]any{"data": 5})}, engine.CodeInvalidInput, []string{"content", "attachments", "0", "data"}},
		"data and an upload":           {engine.WriteMessageInput{Content: hosttest.Attach(map[string]any{"data": "", "uploadId": "x"})}, engine.CodeInvalidInput, []string{"content", "attachments", "0", "uploadId"}},
		"an unknown upload":            {engine.WriteMessageInput{Content: hosttest.Attach(hosttest.File("a", "fine"), map[string]any{"uploadId": "upload-x"})}, engine.CodeNotFound, []string{"content", "attachments", "1", "uploadId"}},
		"an upload's path":             {engine.WriteMessageInput{Content: hosttest.Attach(map[string]any{"uploadId": "../engine.db"})}, engine.CodeNotFound, []string{"content", "attachments", "0", "uploadId"}},
		"a text that is none":          {engine.WriteMessageInput{Content: map[string]any{"text": 5}}, engine.CodeInvalidInput, []string{"content", "text"}},
		"an id with a line break":      {engine.WriteMessageInput{MessageID: hosttest.Ptr("a\nb"), Content: "x"}, engine.CodeInvalidInput, []string{"messageId"}},
		"an empty id":                  {engine.WriteMessageInput{MessageID: hosttest.Ptr(""), Content: "x"}, engine.CodeInvalidInput, []string{"messageId"}},
		"a long id":                    {engine.WriteMessageInput{MessageID: hosttest.Ptr(strings.Repeat("x", 513)), Content: "x"}, engine.CodeInvalidInput, []string{"messageId"}},
		"a bad cron expression":        {engine.WriteMessageInput{Recurrence: hosttest.Ptr("* * *"), Content: "x"}, engine.CodeInvalidInput, []string{"recurrence"}},
		"a date that never comes":      {engine.WriteMessageInput{Recurrence: hosttest.Ptr("0 0 30 2 *"), Content: "x"}, engine.CodeInvalidInput, []string{"recurrence"}},
		"a bad time zone":              {engine.WriteMessageInput{Recurrence: hosttest.Ptr("0 0 * * *"), TimeZone: hosttest.Ptr("../../etc/passwd"), Content: "x"}, engine.CodeInvalidInput, []string{"timeZone"}},
		"a time zone for nothing":      {engine.WriteMessageInput{TimeZone: hosttest.Ptr("UTC"), Content: "x"}, engine.CodeInvalidInput, []string{"timeZone"}},
		"a time out of range":          {engine.WriteMessageInput{Timestamp: &late, Content: "x"}, engine.CodeInvalidInput, []string{"timestamp"}},
		"a due time out of range":      {engine.WriteMessageInput{ProcessAfter: &late, Content: "x"}, engine.CodeInvalidInput, []string{"processAfter"}},
		"an unsafe source":             {engine.WriteMessageInput{SourceSessionID: hosttest.Ptr("../x"), Content: "x"}, engine.CodeInvalidInput, []string{"sourceSessionId"}},
		"an unknown session":           {engine.WriteMessageInput{SessionID: "sess-unknown", Content: "x"}, engine.CodeNotFound, []string{"sessionId"}},
		"an unsafe session":            {engine.WriteMessageInput{SessionID: "../../x", Content: "x"}, engine.CodeNotFound, []string{"sessionId"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.SessionID == "" {
				c.in.SessionID = s.ID
			}
			_, _, err := h.WriteMessage(t.Context(), c.in)
			wantCode(t, err, c.code)
			wantField(t, err, c.field...)
			if rows, files := left(t, h, s); len(rows)+len(files) > 0 {
				t.Errorf("it left rows %q and files %q", rows, files)
			}
		})
	}
	h.MustWrite(t, s, "at the limits", hosttest.Attach(hosttest.File("a", strings.Repeat("x", 100)), hosttest.File("b", strings.Repeat("x", 99))))
	wrapped := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 100)))
	h.MustWrite(t, s, "at the limit, in lines", hosttest.Attach(map[string]any{"data": wrapped[:76] + "\r\n" + wrapped[76:] + "\r\n"}))
	for i := 0; ; i++ {
		_, _, err := h.Write(t, s, fmt.Sprint(i), hosttest.Attach(hosttest.File("a", strings.Repeat("x", 100))))
		if err == nil {
			continue
		}
		wantCode(t, err, engine.CodeLimitExceeded)
		wantField(t, err, "content")
		if _, err := os.Stat(h.Folder(s, "inbox", fmt.Sprint(i))); err == nil {
			t.Error("a message over the quota left its attachment")
		}
		break
	}
	_, err := h.CloseSession(t.Context(), s.ID)
	must(t, err)
	_, _, err = h.Write(t, s, "late", "x")
	wantCode(t, err, engine.CodeSessionClosed)
}

// Lesson 4: an attachment is not held encoded and decoded at once.
func TestALargeAttachmentIsDecodedAsAStream(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	const size = 20 << 20
	content := hosttest.Attach(hosttest.File("large", strings.Repeat("x", size)))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	h.MustWrite(t, s, "m", content)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > size/2 {
		t.Errorf("%d bytes were allocated for an attachment of %d", used, size)
	}
	if info, err := os.Stat(h.Folder(s, "inbox", "m", "large")); err != nil || info.Size() != size {
		t.Errorf("%v, %v", info, err)
	}
}

// Whatever a sender gives: no base64 stays, nothing lies elsewhere than in the
// inbox, and containers that crash on some JSON never see it.
func FuzzContent(f *testing.F) {
	h := hosttest.Open(f, sessions.Options{})
	s := h.Session(f)
	for _, seed := range []string{
		"hello", "null", `[1]`, `{"text":"x"}`, `{"text":5}`, ` {"text":"a","attachments":[{"name":"../a","data":"QQ=="}]}`,
		`{"attachments":[{"name":"a","data":"Q-_+"},{"data":"QQ","type":"photo"},{"data":"QQ","mimeType":"text/plain"}]}`,
		`{"attachments":[{"data":"QQ"}],"attachments":null}`, `{"attachments":[{"uploadId":"x"}]}`,
	} {
		f.Add("m1", seed)
		f.Add("../"+seed[:1], seed)
	}
	f.Fuzz(func(t *testing.T, id, content string) {
		h.Exec(t, s, "inbound.db", `DELETE FROM messages_in; DELETE FROM engine_accepted`)
		must(t, os.RemoveAll(h.Folder(s, "inbox")))
		for _, form := range []any{content, parsed(content)} {
			m, outcome, err := h.Write(t, s, id, form)
			if err != nil {
				if code := engine.CodeOf(err); code == engine.CodeInternal || code == engine.CodeUnavailable {
					t.Errorf("%q, %q: %v", id, content, err)
				}
				continue
			}
			if outcome != engine.OutcomeWritten {
				continue
			}
			stored := parsed(m.Content)
			if object, ok := stored.(map[string]any); ok {
				if text, has := object["text"]; has {
					if _, ok := text.(string); !ok {
						t.Errorf("%q is stored with a text that is none: %q", content, m.Content)
					}
				}
				list, _ := object["attachments"].([]any)
				for _, e := range list {
					element, _ := e.(map[string]any)
					if element["data"] != nil {
						t.Errorf("%q is stored with data: %q", content, m.Content)
					}
				}
			} else if stored != nil || m.Content == "null" {
				t.Errorf("%q is stored as JSON that is no object: %q", content, m.Content)
			}
			files, err := h.MessageAttachments(t.Context(), s, *m)
			must(t, err)
			for _, file := range files {
				if parts := strings.Split(file.Path, "/"); len(parts) != 3 || !engine.SafeID(parts[1]) || strings.HasPrefix(parts[2], ".") {
					t.Errorf("%q of %q went to %q", content, id, file.Path)
				}
			}
		}
	})
}

// parsed is JSON as a decoder makes it, nil if it is none.
func parsed(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	return v
}
