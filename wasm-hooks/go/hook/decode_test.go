package hook_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
)

type texts struct {
	Sender string `json:"sender"`
	Text   string
	Кто    string
	Left   string `json:"-"`
	own    string
	Number int
	List   []string `json:"list,omitempty"`
}

type mood string

type shouted string

func (s *shouted) UnmarshalText(b []byte) error {
	*s = shouted(strings.ToUpper(string(b)))
	return nil
}

type whole struct{ Text string }

func (w *whole) UnmarshalJSON(b []byte) error {
	w.Text = "all of " + string(b)
	return nil
}

// targets are of types that are decoded into in different ways, with something
// in them.
func targets() []any {
	return []any{
		&texts{Sender: "was", Text: "was", Кто: "was", Left: "was", own: "was", List: []string{"was"}},
		&struct{ A, Text string }{"was", "was"},
		&struct {
			Text string `json:"text"`
			Also string `json:"Text"`
		}{"was", "was"},
		&struct {
			Text string `json:"text,string"`
			Kind string `json:"kind"`
		}{"was", "was"},
		&struct {
			Text string `json:"te xt"`
		}{"was"},
		&struct {
			Text   *string
			Sender mood
			A      shouted
			N      json.Number
			B      json.RawMessage
		}{Sender: "was", A: "was", N: "1"},
		&struct {
			texts
			Text string
		}{Text: "was"},
		&whole{"was"},
		&map[string]any{"was": 1.0},
		new(any),
		&[]string{"was"},
		new(string),
		new(17),
		&struct{}{},
		texts{},
		(*texts)(nil),
		nil,
	}
}

func checkDecoding(t *testing.T, content []byte) {
	t.Helper()
	if !json.Valid(content) {
		return
	}
	m := hook.NewMessage(slices.Concat([]byte(`{"message":{"content":`), content, []byte(`,"id":"m"},"session":{}}`)))
	wanted := targets()
	for i, got := range targets() {
		want := wanted[i]
		err, wantErr := m.Decode(got), json.Unmarshal(content, want)
		// The text leaves out the white space around the content.
		if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) || reflect.TypeOf(err) != reflect.TypeOf(wantErr) {
			t.Errorf("%s into %T\n got %s, %v\nwant %s, %v", content, want, shown(got), err, shown(want), wantErr)
		}
	}
}

func shown(v any) string { return fmt.Sprintf("%+v", reflect.Indirect(reflect.ValueOf(v))) }

var decoded = []string{
	`{"sender":"Ada","text":"hi"}`,
	`{"SENDER":"Ada","TeXt":"hi","кТо":"x","left":"x","-":"x","own":"x","Own":"x"}`,
	`{"ſender":"long s","te\u0078t":"escaped","\u0442":""}`,
	`{"text":"a","text":"b","Text":"c","text":null}`,
	`{"sender":null,"text":"\u00e4\ud800\n\\\"","list":null}`,
	`{"text":"a","number":1,"list":["x"]}`,
	`{"text":1,"sender":"after the wrong one"}`,
	`{"text":{"text":"in it"},"a":["text"],"sender":true}`,
	`{"other":{"text":"in it","list":[{}]},"more":[[],"}"],"text":"x","n":-1.5e3,"b":false}`,
	`{"n":"12","N":"x","A":"shout","te xt":"x","\"text\"":"y","kind":"\"k\""}`,
	"{\"text\":\"\xff\",\"t\xffext\":\"x\",\"\xff\":\"\"}",
	" {\t\"text\" : \"x\"\n,\r\"sender\":\"y\" } ",
	`{}`, `[]`, `["text"]`, `"text"`, `null`, `1`, `true`,
}

func TestAContentIsDecodedAsEncodingJSONDoes(t *testing.T) {
	for _, content := range decoded {
		checkDecoding(t, []byte(content))
	}
}

func FuzzAContentIsDecodedAsEncodingJSONDoes(f *testing.F) {
	for _, content := range decoded {
		f.Add([]byte(content))
	}
	f.Fuzz(checkDecoding)
}
