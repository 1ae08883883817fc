package graph_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twinbox/twinbox/graph"
)

// The reader and encoding/json agree on what is JSON and on what it means.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `-`, `01`, `1.`, `.5`, `1e5`, `1E-5`, `1e`, `+1`, `12345678901234567890.5e400`, `""`, `"a`, `"\"`,
		`"\u00e9\ud83d\ude00\n\/\\\""`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"\u12"`, `"\u12G4"`, `"\u+123"`, `"\x"`,
		"\"\x00\"", "\"\t\"", "\"\x7f\"", "\"é\"", "\"\xff\"", ` [ 1 , 2 ] `, `[1,]`, `[,1]`, `[1 2]`, `{"a":1,"a":2}`, `{"a":1,}`, `{"a"}`, `{a:1}`, `{"a":{"b":[{"c":null}]}}`,
		`nul`, `nulll`, `true false`, `{"a":1}}`, "\ufeff{}", "", " ", `[[[[[]]]]]`, `{"":""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := graph.ParseJSON(bytes.Clone(data))
		if !utf8.Valid(data) {
			if err == nil {
				t.Fatalf("%q is not UTF-8, and was read as %#v", data, got)
			}
			return
		}
		want, wantErr := standardJSON(data)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, want %v", data, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %#v, want %#v", data, got, want)
		}
	})
}

func standardJSON(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return v, nil
}

func TestJSONThatGrowsInMemoryIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"deep lists":   strings.Repeat("[", 600) + strings.Repeat("]", 600),
		"deep objects": strings.Repeat(`{"":`, 600) + "1" + strings.Repeat("}", 600),
		"many lists":   "[" + strings.Repeat("[],", 1_000_000) + "[]]",
		"many objects": "[" + strings.Repeat("{},", 1_000_000) + "{}]",
	} {
		if v, err := graph.ParseJSON([]byte(text)); err == nil {
			t.Errorf("%s: read as a %T", name, v)
		}
	}
	if _, err := graph.ParseJSON([]byte(strings.Repeat("[", 500) + strings.Repeat("]", 500))); err != nil {
		t.Errorf("500 lists in each other: %v", err)
	}
}

// What was read must not change when the buffer it was read from is used again.
func TestNothingRefersToTheBuffer(t *testing.T) {
	data := []byte(`{"key":["text","a\nb",12.5]}`)
	v, err := graph.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 'x'
	}
	if want := map[string]any{"key": []any{"text", "a\nb", json.Number("12.5")}}; !reflect.DeepEqual(v, want) {
		t.Errorf("%#v", v)
	}
}
