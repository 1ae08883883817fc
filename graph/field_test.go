package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/graph/generated"
)

var update = flag.Bool("update", false, "write the answers that are given to testdata/<field>/result.json")

type testCase struct {
	Case string `json:"case"`
	// Variables of the request, in variables.json.
	Variables json.RawMessage `json:"variables,omitempty"`
	// Response to it, in result.json.
	Response json.RawMessage `json:"response,omitempty"`
}

// TestFields asks for each field of the roots as its folder in testdata says:
// the cases of one field one after the other in one world.
func TestFields(t *testing.T) {
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	for _, f := range slices.Concat(schema.Query.Fields, schema.Mutation.Fields) {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			testField(t, f.Name)
		})
	}
}

func testField(t *testing.T, field string) {
	dir := filepath.Join("testdata", field)
	w := mustWorld(t)
	w.populate(t)
	if strings.Contains(strings.ToLower(field), "hook") {
		w.installHooks(t)
	}
	operates := strings.Contains(strings.ToLower(field), "operation")
	if operates || field == "message" {
		w.waitIndexed(t)
		w.operate(t)
	}
	if field == "search" || field == "attention" || operates {
		w.waitIndexed(t)
	}
	query := mustRead(t, filepath.Join(dir, "query.graphql"))
	var requests, want, got []testCase
	mustDecode(t, []byte(w.resolved(mustRead(t, filepath.Join(dir, "variables.json")))), &requests)
	if !*update {
		mustDecode(t, []byte(mustRead(t, filepath.Join(dir, "result.json"))), &want)
	}
	for _, r := range requests {
		got = append(got, testCase{Case: r.Case, Response: []byte(w.named(string(w.query(t, query, r.Variables))))})
	}
	if *update {
		mustUpdate(t, filepath.Join(dir, "result.json"), got)
		return
	}
	if len(want) != len(got) {
		t.Errorf("%d cases in variables.json, %d in result.json", len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		if g, w := indented(t, got[i]), indented(t, want[i]); g != w {
			t.Errorf("got %s\nwant %s", g, w)
		}
	}
}

// sortErrors puts the errors of a response in order of their paths: fields are
// answered side by side.
func sortErrors(value any) {
	c, _ := value.(map[string]any)
	response, _ := c["response"].(map[string]any)
	errs, _ := response["errors"].([]any)
	slices.SortFunc(errs, func(a, b any) int {
		return strings.Compare(fmt.Sprint(a.(map[string]any)["path"]), fmt.Sprint(b.(map[string]any)["path"]))
	})
}

// indented writes JSON in one form, whatever the order of its keys.
func indented(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v in %s", err, v)
	}
	var value any
	mustDecode(t, b, &value)
	sortErrors(value)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

func mustUpdate(t *testing.T, name string, cases []testCase) {
	t.Helper()
	var lines []string
	for _, c := range cases {
		lines = append(lines, indented(t, c))
	}
	if err := os.WriteFile(name, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustDecode(t *testing.T, b []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
}
