package hooks_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

func TestAnswersAreCheckedForTheirPoint(t *testing.T) {
	for _, c := range []struct {
		point  engine.HookPoint
		answer string
		want   string // the action, or a part of the error
	}{
		{engine.HookOnMessage, `{"action":"replace","content":{"a":[1,true,null,"\ud83d\ude00",-0.5e+7]}}`, "REPLACE"},
		{engine.HookOnMessage, ` {"content" : "x" , "action" : "replace", "unknown":{}} `, "REPLACE"},
		{engine.HookOnMessage, `{"action":"replace"}`, `without "content"`},
		{engine.HookOnMessage, `{"action":"replace","content":7}`, `without "content"`},
		{engine.HookOnMessage, `{"action":"replace","Content":"x"}`, `without "content"`},
		{engine.HookOnMessage, `{"action":null}`, `without "action"`},
		{engine.HookOnMessage, `{"action":"reject","reason":["no"]}`, `"reason": ["no"], which is not a text`},
		{engine.HookOnMessage, `{"action":"reject"}`, "REJECT"},
		{engine.HookOnMessage, "", "it ends at byte 0"},
		{engine.HookOnMessage, "\x00", "a JSON object"},
		{engine.HookOnReply, `{"action":"drop"}`, "DROP"},
		{engine.HookOnSession, `{"action":"drop"}`, "there are pass, replace, reject"},
		{engine.HookOnSession, `{"action":"replace","labels":["a","b"]}`, "REPLACE"},
		{engine.HookOnSession, `{"action":"replace","labels":[]}`, "REPLACE"},
		{engine.HookOnSession, `{"action":"replace","labels":null}`, `without "labels"`},
		{engine.HookOnSession, `{"action":"replace","labels":[null]}`, "label null"},
		{engine.HookOnSession, `{"action":"replace","labels":[1]}`, "not a list of texts"},
		{engine.HookOnSession, `{"action":"replace","labels":[` + strings.Repeat(`"x",`, 250_000) + `"x"]}`, "more than 250,000 values"},
		{engine.HookOnMessage, `{"action":"replace","content":[` + strings.Repeat(`[],`, 250_000) + `[]]}`, "more than 250,000 values"},
		{engine.HookOnAttachment, frame(`{"action":"remove"}`, ""), "REMOVE"},
		{engine.HookOnAttachment, frame(`{"action":"remove"}`, "x"), `only "replace" takes`},
		{engine.HookOnAttachment, frame(`{"action":"replace","bytes":"replace","name":"n","mimeType":null}`, "x"), "REPLACE"},
		{engine.HookOnAttachment, frame(`{"action":"replace","bytes":"keep"}`, "x"), `says "bytes":"keep"`},
		{engine.HookOnAttachment, frame(`{"action":"replace"}`, "x"), `without "bytes"`},
		{engine.HookOnAttachment, `{"action":"remove"}`, "a frame of 1,667,310,203 bytes of JSON, of which 15 are there"},
		{engine.HookOnAttachment, "\x00\x00", "no frame"},
	} {
		action, _, _, err := hooks.ParseAnswer(c.point, []byte(c.answer))
		got := string(action)
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("%s: %.80s: %s; want %s", c.point, c.answer, got, c.want)
		}
	}
}

func TestAReasonIsTame(t *testing.T) {
	for answer, want := range map[string]string{
		`"two\nlines\tof \u001b[31mred\u202e"`: "two lines of \uFFFD[31mred\uFFFD",
		`"\ud800"`:                             "\uFFFD",
		`""`:                                   "",
	} {
		if _, reason, _, err := hooks.ParseAnswer(engine.HookOnMessage, []byte(`{"action":"reject","reason":`+answer+`}`)); reason != want || err != nil {
			t.Errorf("%s: %q, %v", answer, reason, err)
		}
	}
	_, reason, _, err := hooks.ParseAnswer(engine.HookOnMessage, []byte(`{"action":"reject","reason":"`+strings.Repeat("ü", 1000)+`"}`))
	if len(reason) > 1000 || !strings.HasSuffix(reason, "ü…") || err != nil {
		t.Errorf("%d bytes, %v", len(reason), err)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"action":"pass"}`, `{"action":"replace","content":{"a":["\u00e9\n",-1.5e-3,true]}}`, `{"action":"reject","reason":"x"}`,
		`{"action":"replace","labels":["a"]}`, frame(`{"action":"replace","bytes":"keep","name":"a"}`, ""), frame(`{"action":"replace","bytes":"replace"}`, "abc"), "{\"\xff\":1}"} {
		f.Add(0, []byte(s))
		f.Add(1, []byte(s))
		f.Add(3, []byte(s))
	}
	f.Fuzz(func(t *testing.T, point int, b []byte) {
		points := engine.HookPoints()
		given := bytes.Clone(b)
		action, reason, a, err := hooks.ParseAnswer(points[uint(point)%4], b)
		if !bytes.Equal(b, given) {
			t.Error("the answer was written to")
		}
		if err != nil {
			if text := err.Error(); !utf8.ValidString(text) || len(text) > 1500 || strings.Contains(text, "\n") {
				t.Errorf("%q is no text for a log", text)
			}
			return
		}
		if len(reason) > 1000 || !utf8.ValidString(reason) || (action == engine.HookReplaced) == (a.Content == nil && a.Labels == nil && !a.ReplaceBytes && points[uint(point)%4] != engine.HookOnAttachment) {
			t.Errorf("%s %q %+v", action, reason, a)
		}
		if a.Content != nil && !json.Valid(a.Content) {
			t.Errorf("%q is not JSON", a.Content)
		}
	})
}

// FuzzObject compares what is taken for a JSON object with the standard
// library, which takes invalid UTF-8 and more depth besides.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, ` { "a" : [ ] , "b" : { } } `, `{"a":"\u12aF\\\"/"}`, `{"a":-0.1E+2}`, `{"a":01}`, `{"a":1,}`, `{"a" 1}`, `{"a":"` + strings.Repeat("x", 40) + "\x1f\"}", `{"a":tru}`, `{"a":[1,]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		members := map[string]string{}
		err := hooks.CheckObject(b, func(key, value []byte) error {
			var name string
			if err := json.Unmarshal(key, &name); err != nil {
				t.Fatalf("%q is no name: %v", key, err)
			}
			members[name] = string(value)
			return nil
		})
		var want map[string]json.RawMessage
		valid := utf8.Valid(b) && json.Unmarshal(b, &want) == nil && want != nil
		if valid != (err == nil) && !strings.Contains(string(b), strings.Repeat("[", 99)) {
			t.Fatalf("%q: %v; the standard library says %v", b, err, valid)
		}
		if err != nil {
			return
		}
		for name, value := range want {
			if members[name] != string(value) {
				t.Errorf("%q: %q is %q; want %q", b, name, members[name], value)
			}
		}
	})
}
