package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/graph"
)

// each joins what f makes of 0 to n-1.
func each(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// Each of these is refused for its size, so before the rules of validation
// that take quadratic or exponential time are run on it. What a document
// costs is bounded by the limits, not by its length: see document_size.go.
func TestDocumentsThatCostTooMuchAreRefused(t *testing.T) {
	s := mustSite(t, graph.Config{})
	repeat := strings.Repeat
	fragments := func(n int, format string) string {
		return each(n, func(i int) string { return fmt.Sprintf(format, i, i+1) })
	}
	introspection, err := os.ReadFile("testdata/introspection.graphql")
	if err != nil {
		t.Fatal(err)
	}
	_, fullType, _ := strings.Cut(string(introspection), "fragment FullType")
	fullType = "fragment FullType" + fullType
	for name, query := range map[string]string{
		"a document of 2 MB":     "{__typename}" + repeat("\n", 2<<20),
		"a name of 2 MB":         "{" + repeat("x", 2<<20) + "}",
		"a value of 2 MB":        `{session(id:"` + repeat("x", 2<<20) + `"){id}}`,
		"deep":                   `{session(id:"s"){` + repeat("agentGroup{sessions{nodes{", 10) + "id" + repeat("}", 30) + "}}",
		"deep through fragments": `{session(id:"s"){...F0}}` + fragments(10, "fragment F%d on Session{agentGroup{sessions{nodes{...F%d}}}}") + "fragment F10 on Session{id}",
		"wide": "{" + each(50, func(i int) string {
			return fmt.Sprintf("a%d:agentGroups{nodes{%s}}", i, repeat("id ", 130)+repeat("name ", 130))
		}) + "}",
		"one field 200 times":   `{session(id:"s"){` + repeat("id ", 200) + "}}",
		"one list 200 times":    "{" + repeat("sessions{nodes{id}}", 200) + "}",
		"many aliases":          `{session(id:"s"){` + each(51, func(i int) string { return fmt.Sprintf("a%d:id ", i) }) + "}}",
		"aliases in a fragment": `{a:session(id:"s"){...F} b:session(id:"t"){...F}}fragment F on Session{` + each(25, func(i int) string { return fmt.Sprintf("a%d:id ", i) }) + "}",
		"fragments that double": "{...F0}" + fragments(30, "fragment F%[1]d on Query{...F%[2]d ...F%[2]d}") + "fragment F30 on Query{__typename}",
		"empty doubling":        "{__typename ...F0}" + fragments(30, "fragment F%[1]d on Query{...F%[2]d ...F%[2]d}") + "fragment F30 on Query{...F30}",
		"a chain of fragments":  "{...F0}" + fragments(500, "fragment F%d on Query{...F%d}") + "fragment F500 on Query{__typename}",
		"cyclic fragments": `{session(id:"s"){...F0}}` + each(40, func(i int) string {
			return fmt.Sprintf("fragment F%d on Session{...F%d ...F%d}", i, (i+1)%40, (i+7)%40)
		}),
		"operations × fragment":   each(500, func(i int) string { return fmt.Sprintf("query Q%d{...F}", i) }) + "fragment F on Query{" + each(100, func(i int) string { return fmt.Sprintf("x%d ", i) }) + "}",
		"operations × values":     each(100, func(i int) string { return fmt.Sprintf("query Q%d{...F}", i) }) + "fragment F on Query{sessions(filter:{containerStatus:[" + repeat("IDLE ", 1000) + "]}){nodes{id}}}",
		"operations × directives": each(100, func(i int) string { return fmt.Sprintf("query Q%d{...F}", i) }) + "fragment F on Query{__typename " + repeat("@skip(if:false)", 200) + "}",
		"values":                  "{sessions(filter:{containerStatus:[" + repeat("IDLE ", 10_000) + "]}){nodes{id}}}",
		"__schema 100 times":      "{" + each(100, func(i int) string { return fmt.Sprintf("a%d:__schema{types{name}}", i) }) + "}",
		"__type 100 times":        "{" + each(100, func(i int) string { return fmt.Sprintf(`a%d:__type(name:"Session"){name}`, i) }) + "}",
		"introspection twice":     "{a:__schema{types{...FullType}}b:__schema{types{...FullType}}}" + fullType,
		"nested introspection":    "{__schema{types{fields{type{fields{type{name kind description ofType{name kind} args: fields{name args{name type{name kind}}}}}}}}}}",
		"first 100 of first 100":  "{agentGroups(first:100){nodes{sessions(first:100){nodes{id status}}}}}",
		"lists in lists":          "{agentGroups{nodes{sessions{nodes{messages{nodes{attachments{name}}}}}}}}",
		"first beyond any page":   "{sessions(first:100000){nodes{messages(first:100000){nodes{id content}}}}}",
	} {
		for _, media := range []string{"application/json", "application/graphql-response+json"} {
			r := s.post(query, nil, "Accept: "+media)
			status := http.StatusOK
			if media != "application/json" {
				status = http.StatusBadRequest
			}
			if r.status != status || r.code(t) != "LIMIT_EXCEEDED" || len(r.body) > 2000 {
				t.Errorf("%s: %d %.300s", name, r.status, r.body)
			}
		}
	}
}

// The parser itself stops at these.
func TestTokensAreLimited(t *testing.T) {
	s := mustSite(t, graph.Config{})
	for name, query := range map[string]string{
		"names":    "{" + strings.Repeat("a ", 20_000) + "}",
		"comments": strings.Repeat("#\n", 20_000) + "{__typename}",
		"braces":   strings.Repeat("{a", 20_000),
		"brackets": "{session(id:" + strings.Repeat("[", 20_000),
		"types":    "query($a:" + strings.Repeat("[", 20_000),
	} {
		if r := s.post(query, nil); r.code(t) != "GRAPHQL_PARSE_FAILED" || len(r.body) > 2000 {
			t.Errorf("%s: %.300s", name, r.body)
		}
	}
}

func TestAnAnswerStaysSmallHoweverWrongTheDocument(t *testing.T) {
	s := mustSite(t, graph.Config{})
	for name, query := range map[string]string{
		"unknown fields":     "{" + each(3000, func(i int) string { return fmt.Sprintf("x%d ", i) }) + "}",
		"unknown directives": "{__typename " + strings.Repeat("@x", 3000) + "}",
		"one long name":      "{" + strings.Repeat("x", 500_000) + "}",
		"a long enum":        `{sessions(filter:{mode:"` + strings.Repeat("x", 500_000) + `"}){nodes{id}}}`,
		"conflicts":          `{session(id:"s"){` + strings.Repeat("a:id a:folder ", 20) + "}}",
	} {
		if r := s.post(query, nil); r.code(t) != "GRAPHQL_VALIDATION_FAILED" || len(r.body) > 20_000 {
			t.Errorf("%s: %d bytes, %.300s", name, len(r.body), r.body)
		}
	}
}

func TestOrdinaryDocumentsPass(t *testing.T) {
	s := mustSite(t, graph.Config{})
	introspection, err := os.ReadFile("testdata/introspection.graphql")
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]string{
		"introspection":  string(introspection),
		"the largest":    "{sessions(first:100){nodes{id status messages(last:1){nodes{id seq content status}}}}}",
		"shared by name": "{agentGroups{nodes{...A id name}} ...B} fragment A on AgentGroup{id name} fragment B on Query{agentGroups{nodes{id ...A}}}",
		"50 aliases":     "{" + each(50, func(i int) string { return fmt.Sprintf("a%d:session(id:\"sess-%d\"){id} ", i, i) }) + "}",
	} {
		// Twice: the second time from the cache.
		first, second := s.post(query, nil), s.post(query, nil)
		if first.status != http.StatusOK || first.code(t) != "" || first.body != second.body {
			t.Errorf("%s: %d %.300s", name, first.status, first.body)
		}
	}
}

func TestATypingErrorIsHelpedWith(t *testing.T) {
	s := mustSite(t, graph.Config{})
	if r := s.post("{agentGroup(id:\"a\"){nam}}", nil); !strings.Contains(r.body, `Did you mean \"name\"`) {
		t.Error(r.body)
	}
}

// Whatever a document is, it is answered, and not with a fault of ours. Its
// seeds are in testdata/fuzz.
func FuzzDocument(f *testing.F) {
	shared := mustSite(f, graph.Config{})
	f.Fuzz(func(t *testing.T, query, variables string) {
		s := *shared
		s.t = t
		text, err := json.Marshal(query)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"query":` + string(text) + `,"variables":` + variables + `}`
		if variables == "" {
			body = `{"query":` + string(text) + `}`
		}
		r := s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: application/json")
		if r.status != http.StatusOK && r.status != http.StatusBadRequest || r.code(t) == "INTERNAL" {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}
