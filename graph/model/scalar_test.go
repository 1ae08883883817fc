package model_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

func written(m graphql.Marshaler) string {
	var b bytes.Buffer
	m.MarshalGQL(&b)
	return b.String()
}

func TestDateTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-31T12:00:00Z":             "2026-01-31T12:00:00.000Z",
		"2026-01-31T12:00:00.123456+05:30": "2026-01-31T06:30:00.123Z",
		"2026-01-31 12:00:00":              "2026-01-31T12:00:00.000Z",
		"9999-12-31T23:59:59.999Z":         "9999-12-31T23:59:59.999Z",
	} {
		got, err := model.UnmarshalDateTime(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if text := written(model.MarshalDateTime(got)); text != `"`+want+`"` {
			t.Errorf("%s is written as %s, want %s", in, text, want)
		}
	}
	for _, in := range []any{
		"", "tomorrow", "2026-02-30T00:00:00Z", "2026-01-31T12:00:00", "9999-12-31T23:59:59-01:00",
		"12026-01-31T12:00:00Z", json.Number("1769860800"), int64(1), 1.5, true, []any{}, nil,
	} {
		if got, err := model.UnmarshalDateTime(in); engine.CodeOf(err) != engine.CodeInvalidInput {
			t.Errorf("%v is read as %v, %v", in, got, err)
		}
	}
}

func TestTimeOfAnInputKeepsWhatItsSenderWrote(t *testing.T) {
	var got model.Time
	if err := got.UnmarshalGQL("tomorrow"); err != nil || got != "tomorrow" || written(got) != `"tomorrow"` {
		t.Errorf("got %q, %v", got, err)
	}
	if err := got.UnmarshalGQL(json.Number("5")); engine.CodeOf(err) != engine.CodeInvalidInput {
		t.Errorf("a number is read as a time: %v", err)
	}
}

func TestStoredJSONIsWrittenAsItStands(t *testing.T) {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for stored, want := range map[string]string{
		`{"text":"<b>","n":10000000000000000000001}`: `{"text":"<b>","n":10000000000000000000001}`,
		"\n [1, 2]":         `[1, 2]`,
		`{"a":1}garbage`:    `"{\"a\":1}garbage"`,
		`{"a":NaN}`:         `"{\"a\":NaN}"`,
		`{`:                 `"{"`,
		`hello`:             `"hello"`,
		`"quoted"`:          `"\"quoted\""`,
		`5`:                 `"5"`,
		`null`:              `"null"`,
		``:                  `""`,
		"{\"a\":\"\xff\"}":  `"{\"a\":\"` + "\uFFFD" + `\"}"`,
		"line\nbreak\x00\t": `"line\nbreak\u0000\t"`,
		deep:                `"` + deep + `"`,
	} {
		if got := written(model.MarshalJSON(model.StoredJSON(stored))); got != want {
			t.Errorf("%.60q is written as %.60s, want %.60s", stored, got, want)
		}
	}
}

func TestJSONOfTheEnginesOwnIsWrittenAsItStands(t *testing.T) {
	for raw, want := range map[string]string{
		` {"a<b": 1.0} `: ` {"a<b": 1.0} `, `"text"`: `"text"`, `5`: `5`, ``: `null`, "\"\xff\"": "\"\uFFFD\"",
	} {
		if got := written(model.MarshalJSON(json.RawMessage(raw))); got != want {
			t.Errorf("%q is written as %s, want %s", raw, got, want)
		}
	}
}

func FuzzStoredJSONIsAlwaysOneJSONValue(f *testing.F) {
	for _, s := range []string{`{"a":[1]}`, "[", "{\"\xff\":1}", "\x00", `{"a":1}{`, "[1]\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := written(model.MarshalJSON(model.StoredJSON(s)))
		var v any
		if err := json.Unmarshal([]byte(got), &v); err != nil || !utf8.ValidString(got) {
			t.Fatalf("%q is written as %q: %v", s, got, err)
		}
		if text, ok := v.(string); ok && text != strings.ToValidUTF8(s, "\uFFFD") {
			t.Fatalf("%q reads back as %q", s, text)
		}
	})
}

func TestJSONInputHasOneFormAndIsACopy(t *testing.T) {
	variable := map[string]any{"n": json.Number("1"), "f": json.Number("1.5"), "list": []any{"a", nil, true}}
	literal := map[string]any{"n": int64(1), "f": 1.5, "list": []any{"a", nil, true}}
	a, errA := model.UnmarshalJSON(variable)
	b, errB := model.UnmarshalJSON(literal)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	textA, textB := mustJSON(t, a), mustJSON(t, b)
	if textA != textB || textA != `{"f":1.5,"list":["a",null,true],"n":1}` {
		t.Errorf("variable %s, literal %s", textA, textB)
	}
	a.(map[string]any)["list"].([]any)[0] = "changed"
	delete(a.(map[string]any), "n")
	if got := mustJSON(t, variable); got != `{"f":1.5,"list":["a",null,true],"n":1}` {
		t.Errorf("the request's own variable became %s", got)
	}
	for _, v := range []any{math.NaN(), math.Inf(1), struct{}{}, []any{math.NaN()}, map[string]any{"a": math.Inf(-1)}} {
		if got, err := model.UnmarshalJSON(v); engine.CodeOf(err) != engine.CodeInvalidInput {
			t.Errorf("%v is read as %v, %v", v, got, err)
		}
	}
}

func TestBuiltInScalarsAreStrict(t *testing.T) {
	str := func(v any) (any, error) { return model.UnmarshalString(v) }
	id := func(v any) (any, error) { return model.UnmarshalID(v) }
	num := func(v any) (any, error) { return model.UnmarshalInt(v) }
	num64 := func(v any) (any, error) { return model.UnmarshalInt64(v) }
	for _, c := range []struct {
		read func(any) (any, error)
		in   any
		want any
	}{
		{str, "a", "a"}, {id, "a", "a"}, {id, int64(7), "7"}, {id, json.Number("7"), "7"},
		{num, int64(-2147483648), -2147483648}, {num, json.Number("2147483647"), 2147483647},
		{num64, int64(-1 << 63), int64(-1 << 63)}, {num64, json.Number("9223372036854775807"), int64(1<<63 - 1)},
	} {
		if got, err := c.read(c.in); err != nil || got != c.want {
			t.Errorf("%T %v is read as %v, %v", c.in, c.in, got, err)
		}
	}
	for _, c := range []struct {
		read func(any) (any, error)
		in   any
	}{
		{str, json.Number("5")}, {str, int64(5)}, {str, true}, {str, map[string]any{}},
		{id, json.Number("1.5")}, {id, true}, {id, 1.5}, {id, []any{}},
		{num, "5"}, {num, json.Number("2147483648")}, {num, int64(-2147483649)}, {num, json.Number("1.5")}, {num, true},
		{num64, "5"}, {num64, json.Number("9223372036854775808")}, {num64, json.Number("1.5")}, {num64, 1.0}, {num64, true}, {num64, nil},
	} {
		if got, err := c.read(c.in); engine.CodeOf(err) != engine.CodeInvalidInput {
			t.Errorf("%T %v is read as %v, %v", c.in, c.in, got, err)
		}
	}
}

func TestWhatAContainerWroteIsShownAsTheScalarAllows(t *testing.T) {
	if got := written(model.MarshalString("a\xffb")); got != "\"a\uFFFDb\"" {
		t.Errorf("a text that is not UTF-8 is written as %q", got)
	}
	if got := written(model.MarshalID("a\xff")); got != "\"a\uFFFD\"" {
		t.Errorf("an id that is not UTF-8 is written as %q", got)
	}
	if got := written(model.MarshalInt(math.MaxInt64)); got != "2147483647" {
		t.Errorf("a count beyond 32 bits is written as %s", got)
	}
}

func TestBase64(t *testing.T) {
	var b model.Base64
	if err := b.UnmarshalGQL("AP8="); err != nil || written(b) != `"AP8="` {
		t.Errorf("got %q, %v", b, err)
	}
	if got, err := b.Decode(); err != nil || !bytes.Equal(got, []byte{0, 255}) || len(got) > b.Len() {
		t.Errorf("got %v, %v", got, err)
	}
	for _, in := range []model.Base64{"AP8", "A P8=", "AP_="} {
		if got, err := in.Decode(); engine.CodeOf(err) != engine.CodeInvalidInput {
			t.Errorf("%s is read as %v, %v", in, got, err)
		}
	}
	for _, in := range []any{int64(1), nil} {
		if err := b.UnmarshalGQL(in); engine.CodeOf(err) != engine.CodeInvalidInput {
			t.Errorf("%v is read as %q, %v", in, b, err)
		}
	}
}

func TestIDsAreUniqueOverSessionsAndKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, sessionID := range []string{"sess-a", "sess-a-b", "sess-"} {
		for _, id := range []string{"m", "b", "a:b", ":", "\xff", "\xfe"} {
			m := model.Message{Message: engine.Message{SessionID: sessionID, ID: id}}
			r := model.Reply{Reply: engine.Reply{SessionID: sessionID, ID: id}}
			for _, global := range []string{m.ID(), r.ID()} {
				if seen[global] {
					t.Errorf("%s stands for two", global)
				}
				seen[global] = true
			}
		}
	}
}

func TestConnection(t *testing.T) {
	var c model.AgentGroupConnection
	if p := c.PageInfo(); c.Nodes() == nil || c.Edges() == nil || p.StartCursor != nil || p.EndCursor != nil {
		t.Errorf("an empty page is %v, %v, %+v", c.Nodes(), c.Edges(), p)
	}
	c.Add(engine.AgentGroup{ID: "a", CreatedAt: time.Unix(0, 0)}, "1")
	c.Add(engine.AgentGroup{ID: "b"}, "2")
	c.HasNext = true
	p := c.PageInfo()
	if !p.HasNextPage || p.HasPreviousPage || *p.StartCursor != "1" || *p.EndCursor != "2" {
		t.Errorf("page info %+v", p)
	}
	if e := c.Edges(); len(e) != 2 || e[1].Cursor != "2" || e[1].Node.ID != "b" {
		t.Errorf("edges %+v", e)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
