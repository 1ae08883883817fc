package jsonvalue_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine/internal/jsonvalue"
)

// reference is what encoding/json makes of s.
func reference(s string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	err := d.Decode(&v)
	return v, err == nil && strings.Trim(s[d.InputOffset():], " \t\r\n") == ""
}

func written(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func checkAgainstEncodingJSON(t *testing.T, s string) {
	t.Helper()
	want, ok := reference(s)
	got, repeats, err := jsonvalue.Parse(s, math.MaxInt)
	if (err == nil) != ok || err != nil && !errors.Is(err, jsonvalue.ErrSyntax) {
		t.Fatalf("%.200q: the error is %v; whether encoding/json reads it: %v", s, err, ok)
	}
	if !ok {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%.200q is %.200v, want %.200v", s, got, want)
	}
	if want := keysIn(t, s) > keys(want); repeats != want {
		t.Fatalf("%.200q: it says that a key repeats: %v, want %v", s, repeats, want)
	}
	b, err := jsonvalue.Append([]byte("before"), got)
	if want := "before" + written(t, want); err != nil || string(b) != want {
		t.Fatalf("%.200q is written as %.200q, want %.200q, %v", s, b, want, err)
	}
}

// keysIn counts the keys in JSON, as often as they are there.
func keysIn(t *testing.T, s string) (n int) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	var open []json.Delim // with '}' where a key comes next
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		last := len(open) - 1
		delim, _ := token.(json.Delim)
		switch {
		case delim == '}' || delim == ']':
			open = open[:last]
			continue
		case last >= 0 && open[last] == '}':
			n++
			open[last] = '{'
			continue
		case last >= 0 && open[last] == '{':
			open[last] = '}'
		}
		switch delim {
		case '{':
			open = append(open, '}')
		case '[':
			open = append(open, '[')
		}
	}
}

func keys(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, e := range v {
			n += keys(e)
		}
	case []any:
		for _, e := range v {
			n += keys(e)
		}
	}
	return n
}

func texts() []string {
	return []string{
		`{"text":"hi","n":[1,-0,0.5,1e9,-1.25E-3,{}],"t":true,"f":false,"z":null,"":""}`,
		` { "b" : [ ] , "a" : { "c" : [ 1 , 2 ] } } `,
		`{"a":1,"b":2,"a":{"c":3}}`, `{"a":{"b":[{"c":1,"\u0063":2}]}}`, `[{"a":1},{"a":1}]`,
		`"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00\ud83d\u0041\ude00\ud83d"`, `"\ud83d\n"`, `"\ud83dx\ude00"`,
		"\"\u2028 \u2029 <&> \x7f é \xff\xc3\"", "{\"\xff\":\"\xff\\n\"}",
		``, ` `, `nul`, `nulll`, `truefalse`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `--1`, `+1`, `1 2`, `0x1`,
		`"`, `"\`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"a\x00\"", `"a""b"`,
		`{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{,}`, `{1:2}`, `{"a" 1}`, `[`, `[1`, `[1,]`, `[,]`, `[1 2]`, `]`, `[}`, `{]`,
		"\ufeff{}", "\v1", "\u00a01",
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000),
		strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
	}
}

func TestItIsReadAndWrittenAsEncodingJSONDoes(t *testing.T) {
	for _, s := range texts() {
		checkAgainstEncodingJSON(t, s)
	}
}

func FuzzItIsReadAndWrittenAsEncodingJSONDoes(f *testing.F) {
	for _, s := range texts() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkAgainstEncodingJSON(t, s)
		b, err := jsonvalue.Append(nil, s)
		if want := written(t, s); err != nil || string(b) != want {
			t.Fatalf("the text %q is written as %q, want %q, %v", s, b, want, err)
		}
	})
}

// Texts are gone through eight bytes at a time.
func TestATextIsWrittenAsEncodingJSONDoesWhereverItHasWhat(t *testing.T) {
	for c := range rune(0x100) {
		for at := range 18 {
			s := strings.Repeat("!", at) + string(c) + "~ {}[]:#\x7f"
			if got, want := string(jsonvalue.AppendText(nil, s)), written(t, s); got != want {
				t.Fatalf("%q is written as %s, want %s", s, got, want)
			}
		}
	}
}

func TestValuesAreCountedBeforeTheyAreMade(t *testing.T) {
	const s = `{"a":[1,"b",{"c":null}],"d":{}}` // seven
	for limit := range 7 {
		if _, _, err := jsonvalue.Parse(s, limit); !errors.Is(err, jsonvalue.ErrTooMany) {
			t.Errorf("with a limit of %d: %v", limit, err)
		}
	}
	if _, _, err := jsonvalue.Parse(s, 7); err != nil {
		t.Error(err)
	}
}

func TestWhatNoParserMakesIsWrittenAsEncodingJSONDoes(t *testing.T) {
	type pair struct {
		A int    `json:"a"`
		B string `json:"b"`
	}
	for _, v := range []any{
		1, 1.5, -2e30, int64(7), json.Number(""), []any(nil), map[string]any(nil), map[string]any{"x": pair{1, "<>"}}, []string{"a"},
	} {
		b, err := jsonvalue.Append(nil, v)
		if want := written(t, v); err != nil || string(b) != want {
			t.Errorf("%#v is written as %s, want %s, %v", v, b, want, err)
		}
	}
	for _, v := range []any{math.NaN(), json.Number("1x"), json.Number("-"), []any{func() {}}, map[string]any{"a": make(chan int)}} {
		if b, err := jsonvalue.Append(nil, v); err == nil {
			t.Errorf("%#v is written as %s", v, b)
		}
	}
}
