package hook_test

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
)

const input = `{"abi":1,"point":"on_message","session":{"id":"sess-1","agentGroupId":"ag-1","messagingGroupId":null,"threadId":"t","mode":"SHARED","labels":["vip","a\"b"]},` +
	`"message":{"id":"m1","kind":"chat","timestamp":"2026-01-02T03:04:05Z","platformId":"C1","channelType":"slack","threadId":null,"sourceSessionId":"sess-2","trigger":true,"content":CONTENT}}`

func message(content string) *hook.Message {
	return hook.NewMessage([]byte(strings.Replace(input, "CONTENT", content, 1)))
}

func TestAMessageIsReadWhereItIsAsked(t *testing.T) {
	m := message(`{"text":"hi"}`)
	s := m.Session()
	for name, got := range map[string][2]string{
		"id":                   {m.ID(), "m1"},
		"kind":                 {m.Kind(), "chat"},
		"platform":             {m.PlatformID(), "C1"},
		"channel":              {m.ChannelType(), "slack"},
		"no thread":            {m.ThreadID(), ""},
		"source":               {m.SourceSessionID(), "sess-2"},
		"time":                 {m.Timestamp().Format(time.RFC3339), "2026-01-02T03:04:05Z"},
		"session":              {s.ID(), "sess-1"},
		"agent group":          {s.AgentGroupID(), "ag-1"},
		"no messaging group":   {s.MessagingGroupID(), ""},
		"thread":               {s.ThreadID(), "t"},
		"mode":                 {s.Mode(), "SHARED"},
		"no channel at a call": {s.ChannelType() + s.PlatformID(), ""},
		"content":              {string(m.JSON()), `{"text":"hi"}`},
		"text":                 {m.Text(), "hi"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %q, want %q", name, got[0], got[1])
		}
	}
	if !m.Trigger() || !slices.Equal(s.Labels(), []string{"vip", `a"b`}) {
		t.Errorf("trigger %v, labels %q", m.Trigger(), s.Labels())
	}
	var v struct{ Text string }
	if err := m.Decode(&v); err != nil || v.Text != "hi" {
		t.Errorf("decoded %+v, %v", v, err)
	}
}

func TestTheTextIsReplacedAndNothingElse(t *testing.T) {
	for _, c := range []struct{ content, text, want string }{
		{`{"a":[1.50,{"text":"no"}],"text":"x","b":"text"}`, "x", `{"a":[1.50,{"text":"no"}],"text":"NEW","b":"text"}`},
		{`"x"`, "x", `"NEW"`},
		{` { "text" : "\u0078\n\ud83d\ude00" , "b" : null } `, "x\n😀", ` { "text" : "NEW" , "b" : null } `},
		{`{"\u0074ext":"x"}`, "x", `{"\u0074ext":"NEW"}`},
		// Whoever reads the first of two gets no other text than who reads the last.
		{`{"text":"a","text":"b"}`, "b", `{"text":"NEW","text":"NEW"}`},
		{`{"text":1}`, "", ""},
		{`{"b":"text"}`, "", ""},
		{`["text"]`, "", ""},
		{`{}`, "", ""},
		{`null`, "", ""},
		{`{"text":"}]\\\",{"}`, `}]\",{`, `{"text":"NEW"}`},
	} {
		m := message(c.content)
		if got := m.Text(); got != c.text {
			t.Errorf("%s: the text is %q, want %q", c.content, got, c.text)
		}
		want := `{"action":"pass"}`
		if c.want != "" {
			want = `{"action":"replace","content":` + strings.TrimSpace(c.want) + `}`
		}
		if got := m.ReplaceText("NEW").String(); got != want {
			t.Errorf("%s\n got %s\nwant %s", c.content, got, want)
		}
	}
}

// Strings are walked eight bytes at a time.
func TestATextEndsWhereItsQuoteIsWhereverThatStands(t *testing.T) {
	for before := range 18 {
		for _, special := range []string{``, `\"`, `\\`, `\\\"`, "é", `!`, `#`, `[`, `]`} {
			for after := range 18 {
				text := strings.Repeat("x", before) + special + strings.Repeat("y", after)
				var want string
				if err := json.Unmarshal([]byte(`"`+text+`"`), &want); err != nil {
					t.Fatal(err)
				}
				for _, content := range []string{`"` + text + `"`, `{"a":"` + text + `","text":"` + text + `"}`} {
					if m := message(content); m.Text() != want || string(m.JSON()) != content {
						t.Fatalf("%s: the text is %q, the content %s", content, m.Text(), m.JSON())
					}
				}
			}
		}
	}
}

func TestAllStringsAreOfferedButNamesAndRefs(t *testing.T) {
	m := message(`{"a":"1","b":["2",{"c":"3"},"4"],"attachments":[{"ref":"5","name":"6"}],"d":{"attachments":[{"ref":"7"}]},"e":{"f":{}},"g":"\u0038"}`)
	var seen []string
	got := m.ReplaceStrings(func(key, s string) string {
		seen = append(seen, key+"="+s)
		return s
	})
	if want := "a=1 b=2 c=3 b=4 name=6 ref=7 g=8"; strings.Join(seen, " ") != want || got.String() != `{"action":"pass"}` {
		t.Errorf("got %s and %s, want %s and a pass", seen, got, want)
	}
	got = m.ReplaceStrings(func(_, s string) string { return s + `"` })
	want := `{"action":"replace","content":{"a":"1\"","b":["2\"",{"c":"3\""},"4\""],"attachments":[{"ref":"5","name":"6\""}],"d":{"attachments":[{"ref":"7\""}]},"e":{"f":{}},"g":"8\""}}`
	if got.String() != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAnswersAreWhatTheEngineReads(t *testing.T) {
	for _, c := range []struct {
		got  hook.Answer
		want string
	}{
		{hook.Pass(), `{"action":"pass"}`},
		{hook.Drop(), `{"action":"drop"}`},
		{hook.Remove(), `{"action":"remove"}`},
		{hook.Rejectf("no %q", "x"), `{"action":"reject","reason":"no \"x\""}`},
		{hook.Replace(map[string]int{"a": 1}), `{"action":"replace","content":{"a":1}}`},
		{hook.Replace(json.RawMessage(`"as it is"`)), `{"action":"replace","content":"as it is"}`},
		{hook.Labels(), `{"action":"replace","labels":[]}`},
		{hook.Labels("a", "ü\x01\n"), `{"action":"replace","labels":["a","ü\u0001\n"]}`},
		{hook.Keep().WithName("n"), `{"action":"replace","bytes":"keep","name":"n"}`},
		{hook.ReplaceBytes(nil).WithMimeType("m"), `{"action":"replace","bytes":"replace","mimeType":"m"}`},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestAnAttachmentsAnswerIsAFrame(t *testing.T) {
	a := hook.NewAttachment(hook.Frame(`{"message":{"id":"m1"},"attachment":{"ref":"att-0","name":"a","mimeType":null}}`, []byte("bytes")))
	if a.Ref() != "att-0" || a.Name() != "a" || a.MimeType() != "" || a.Message().ID() != "m1" || string(a.Bytes()) != "bytes" {
		t.Errorf("got %q %q %q %q %q", a.Ref(), a.Name(), a.MimeType(), a.Message().ID(), a.Bytes())
	}
	if got := hook.Pass().AppendFrame(nil); len(got) != 0 {
		t.Errorf("a pass is %q", got)
	}
	for _, answer := range []hook.Answer{hook.ReplaceBytes([]byte("new")), hook.Keep(), hook.Remove(), hook.Reject("x")} {
		got := answer.AppendFrame([]byte("before"))[len("before"):]
		size := binary.LittleEndian.Uint32(got)
		if text, rest := string(got[4:4+size]), string(got[4+size:]); text != answer.String() || rest != string(answer.Bytes()) {
			t.Errorf("%s is framed as %q and %q", answer, text, rest)
		}
	}
}

// What the SDK finds in JSON by itself, it finds as encoding/json does.
func FuzzContentIsReadAsEncodingJSONDoes(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"text":"no"}],"text":"x\u0041","b":{"text":1}}`), "new\xff\"\\\u2028")
	f.Add([]byte(`"text"`), "")
	f.Add([]byte(`{"text":"a","te\u0078t":"b","n":-1.5e+3,"":[],"o":{}}`), "😀")
	f.Fuzz(func(t *testing.T, content []byte, text string) {
		var value any
		if json.Unmarshal(content, &value) != nil {
			return
		}
		m := hook.NewMessage(slices.Concat([]byte(`{"message":{"content":`), content, []byte(`}}`)))
		want, hasText := value.(string)
		object, isObject := value.(map[string]any)
		if isObject {
			want, hasText = object["text"].(string)
		}
		if got := m.Text(); got != want {
			t.Fatalf("%s: the text is %q, want %q", content, got, want)
		}
		var all int
		m.ReplaceStrings(func(_, s string) string {
			all++
			return s
		})
		if n := strings.Count(string(content), `"`) / 2; all > n {
			t.Fatalf("%s: %d strings of %d", content, all, n)
		}
		if !hasText {
			return
		}
		var answer struct{ Content any }
		if err := json.Unmarshal([]byte(m.ReplaceText(text).String()), &answer); err != nil {
			t.Fatalf("%s: %v", content, err)
		}
		got, _ := answer.Content.(string)
		if isObject {
			got, _ = answer.Content.(map[string]any)["text"].(string)
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(quoted, &want); err != nil || got != want {
			t.Fatalf("%s: the new text is %q, want %q, %v", content, got, want, err)
		}
	})
}

func TestNoInputThatIsCutHarms(t *testing.T) {
	whole := []byte(strings.Replace(input, "CONTENT", `{"text":"a\u0041\\","l":[1,{"b":"c"}]}`, 1))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] = byte(random.UintN(256))
		for _, b := range [][]byte{whole[:i], damaged} {
			m := hook.NewMessage(b)
			m.ReplaceText(m.Text() + m.Kind())
			_ = m.Decode(&struct{ Text string }{}) // either way
			m.ReplaceStrings(func(_, s string) string { return s + "x" })
		}
	}
}
