package wasmhooks_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// jsonPrograms read and write JSON by the SDKs that bring their own.
func jsonPrograms() map[string]func(*testing.T) native {
	return map[string]func(*testing.T) native{
		"c": func(t *testing.T) native {
			return nativeC(t, "c", filepath.Join("testdata", "native", "json.c"), "c/json.c", "c/value.c", "c/arena.c")
		},
		"rust": func(t *testing.T) native {
			return nativeRust(t, filepath.Join("testdata", "native", "json.rs"))
		},
	}
}

const sdkDepth = 1000

var wellFormed = []string{
	`null`, `true`, ` false `, `0`, `-0`, `12.50`, `1e5`, `-1.5E-10`, `1E+2`, `123456789012345678901234567890.1`, "\t[\r\n]\n", `{}`, `""`,
	`{"a":[1,-2.5e3,{"b":"x\/\\\"\b\f\n\r\t"}],"a":null,"":{}}`,
	`"é ü 😀 \u00e9 \u00E9 \u0000 \ud83d\ude00 \uD83D\uDE00"`,
	`["\ud800","\udc00","\ud800\ud83d\ude00","\ud800x","\ud800\u0041","\udc00\ud800"]`,
	`[[],[[]],{"a":{}},{"a":[]},[{},{}]]`,
	`"` + "\x7f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff" + `"`,
	`{"session":{"labels":[]},"message":{"content":{"text":"hello there","n":3,"tags":["a","b"]},"threadId":null,"trigger":true}}`,
	`"` + strings.Repeat("long ", 2000) + `"`,
	strings.Repeat("[", sdkDepth) + strings.Repeat("]", sdkDepth),
	strings.Repeat(`{"a":`, sdkDepth-1) + "[]" + strings.Repeat("}", sdkDepth-1),
}

var malformed = []string{
	``, ` `, `[`, `]`, `{`, `}`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{1:1}`, `[1}`, `{"a":1]`, `1 1`, `{}{}`,
	`01`, `-`, `+1`, `.5`, `1.`, `1e`, `1e+`, `0x1`, `NaN`, `tru`, `truee`, `nul`, `'a'`, `"`, `"\`, `"\u`, `"\u12"`, `"\u12g4"`, `"\x"`, `"\ud800\`, `"\ud800\u`,
	"\"\n\"", "\"\x00\"", "\x00", "1\x00", "\"\x80\"", "\"\xc0\x80\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xe0\x9f\xbf\"", "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"", "\"\xff\"", "\"\\\x00\"",
	strings.Repeat("[", sdkDepth+1) + strings.Repeat("]", sdkDepth+1),
	strings.Repeat("[", 1_000_000), strings.Repeat(`{"a":`, 1_000_000),
}

// mutated makes inputs that are nearly the ones given.
func mutated(seeds [][]byte, n int, alphabet string) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	var all [][]byte
	for range n {
		b := bytes.Clone(seeds[r.IntN(len(seeds))])
		for range 1 + r.IntN(4) {
			at := r.IntN(len(b) + 1)
			switch c := alphabet[r.IntN(len(alphabet))]; r.IntN(4) {
			case 0:
				b = b[:at]
			case 1:
				b = append(b[:at], append([]byte{c}, b[at:]...)...)
			case 2:
				b = append(b[:at], b[min(at+1+r.IntN(8), len(b)):]...)
			default:
				if at < len(b) {
					b[at] = c
				}
			}
		}
		all = append(all, b)
	}
	return all
}

func TestJSONIsReadAsGoReadsIt(t *testing.T) {
	inputs := [][]byte{}
	var short [][]byte
	for _, s := range append(wellFormed, malformed...) {
		inputs = append(inputs, []byte(s))
		if len(s) < 500 {
			short = append(short, []byte(s))
		}
	}
	inputs = append(inputs, mutated(short, 20_000, "{}[],:\"\\u0019dDeE+-. tn\x00\x1f\x80\xbf\xc3\xed\xf4\xff")...)
	for name, program := range jsonPrograms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, out := range program(t).run(t, inputs) {
				in := inputs[i]
				deep := i < len(wellFormed)+len(malformed) && bytes.Count(in, []byte("[")) > sdkDepth
				if want := json.Valid(in) && utf8.Valid(in) && !deep; want != (out != nil) {
					t.Fatalf("%.200q: well-formed is %v, but the answer was %.200q", in, want, out)
				} else if want && !reflect.DeepEqual(decoded(t, in), decoded(t, out)) {
					t.Fatalf("%.200q became %.200q", in, out)
				}
			}
		})
	}
}

func decoded(t *testing.T, b []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return v
}

func TestJSONIsEditedInPlace(t *testing.T) {
	// A list gets the text at its end and loses its first element; an integer n
	// comes one closer to 0; gone is removed; text and added are set.
	const text = `"a \"new\" one\u0001` + "\ufffd" + `"`
	cases := [][2]string{
		{`{}`, `{"text":` + text + `,"added":false}`},
		{`{"text":"t","kind":"chat"}`, `{"text":` + text + `,"kind":"chat","added":true}`},
		{`{"text":1,"a":1.0,"text":2,"b":2}`, `{"text":` + text + `,"a":1.0,"b":2,"added":false}`},
		{`{"gone":1,"text":"t","gone":{"gone":2},"in":{"gone":3}}`, `{"text":` + text + `,"in":{"gone":3},"added":false}`},
		{`{"list":[],"text":"t"}`, `{"list":[],"text":` + text + `,"added":false}`},
		{`{"list":[1,{"a":2}],"text":"t"}`, `{"list":[{"a":2},"t"],"text":` + text + `,"added":false}`},
		{`{"list":[1]}`, `{"list":[],"text":` + text + `,"added":false}`},
		{`{"n":9223372036854775807}`, `{"n":9223372036854775806,"text":` + text + `,"added":false}`},
		{`{"n":-9223372036854775808}`, `{"n":-9223372036854775807,"text":` + text + `,"added":false}`},
		{`{"n":9223372036854775808}`, `{"n":9223372036854775808,"text":` + text + `,"added":false}`},
		{`{"n":-9223372036854775809}`, `{"n":-9223372036854775809,"text":` + text + `,"added":false}`},
		{`{"n":1.0,"kind":"chat\u0000"}`, `{"n":1.0,"kind":"chat\u0000","text":` + text + `,"added":false}`},
		{`{"n":-1}`, `{"n":0,"text":` + text + `,"added":false}`},
	}
	inputs := make([][]byte, len(cases))
	for i, c := range cases {
		inputs[i] = []byte(c[0])
	}
	for name, program := range jsonPrograms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, out := range program(t).run(t, inputs, "edit") {
				got := string(out)
				// One writes the first member of a name anew, the other the last.
				if want := cases[i][1]; !reflect.DeepEqual(decoded(t, out), decoded(t, []byte(want))) || strings.Count(got, `"text"`) != 1 {
					t.Errorf("%s became\n%s, want\n%s", cases[i][0], got, want)
				}
			}
		})
	}
}
