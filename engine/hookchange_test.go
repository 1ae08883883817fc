package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestChangesAreToldByTheirPlaces(t *testing.T) {
	for _, tc := range []struct{ name, before, after, want string }{
		{"the same", `{"text":"a","n":[1,{"x":null}]}`, `{"n":[1,{"x":null}],"text":"a"}`, ""},
		{"a text", `{"text":"secret"}`, `{"text":"no"}`, "/text 6>2"},
		{"as long as before", `{"text":"abc"}`, `{"text":"xyz"}`, "/text 3>3"},
		{"another type", `{"text":"abc"}`, `{"text":[1,2]}`, "/text 3>5"},
		{"a number", `{"n":1}`, `{"n":1.0}`, "/n 1>3"},
		{"null is there", `{"n":null}`, `{}`, "/n 4>-"},
		{"one more, one less", `{"a":"x"}`, `{"b":true}`, "/a 1>- /b ->4"},
		{"deep", `{"a":[{"b":"x"},2]}`, `{"a":[{"b":"yz"},2]}`, "/a/0/b 1>2"},
		{"one out of a list", `[1,2,3,4]`, `[1,3,4]`, "/1 1>-"},
		{"one into a list", `["a","c"]`, `["a","bb","c"]`, "/1 ->2"},
		{"all of a list", `[1,2]`, `[]`, "/0 1>- /1 1>-"},
		{"the whole", `"text"`, `{"text":"text"}`, " 4>15"},
		{"a key that may be what was taken out", `{"ada@example.com":{"token":"x"},"ok":1}`, `{"ok":1}`, "/* 13>-"},
		{"in such a key", `{"ada@example.com":{"token":"x"}}`, `{"ada@example.com":{"token":""}}`, "/*/token 1>0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := changes(t, tc.before, tc.after); got != tc.want {
				t.Errorf("%q, not %q", got, tc.want)
			}
		})
	}
}

func TestChangesAreBounded(t *testing.T) {
	long := func(item string) string { return "[" + strings.Repeat(item+",", 100_000) + "0]" }
	if got := changes(t, long(`"a"`), long(`"b"`)); !strings.HasPrefix(got, " 4") {
		t.Errorf("of many values: %.200s", got)
	}
	several := strings.Repeat(`"a",`, 500)
	if got := strings.Fields(changes(t, "["+several+"0]", "["+strings.ReplaceAll(several, "a", "b")+"0]")); len(got) != 64 {
		t.Errorf("of several changes: %d words", len(got))
	}
	deep := strings.Repeat(`{"key":`, 400)
	if got := changes(t, deep+"1"+strings.Repeat("}", 400), deep+"2"+strings.Repeat("}", 400)); len(got) > 400 || !strings.HasSuffix(got, " 1>1") {
		t.Errorf("of a deep one: %q", got)
	}
	// Lists in lists, of which each level is another length.
	nested := func(n int) string { return strings.Repeat(`[0,`, n) + "1" + strings.Repeat("]", n) }
	if got := changes(t, nested(400), nested(401)); got == "" {
		t.Error("of nested ones: none")
	}
}

func changes(t *testing.T, before, after string) string {
	t.Helper()
	var b, a any
	for text, to := range map[*string]*any{&before: &b, &after: &a} {
		d := json.NewDecoder(strings.NewReader(*text))
		d.UseNumber()
		if err := d.Decode(to); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	size := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return fmt.Sprint(*n)
	}
	for _, c := range engine.ContentChanges(b, a) {
		all = append(all, c.Path+" "+size(c.Before)+">"+size(c.After))
	}
	return strings.Join(slices.Clip(all), " ")
}
