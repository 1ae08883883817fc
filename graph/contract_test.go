package graph_test

import (
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/twinbox/twinbox/graph/generated"
)

// TestSchemaKeepsTheContract holds the schema against what clients rely on:
// more may be there, nothing may be missing or differ.
func TestSchemaKeepsTheContract(t *testing.T) {
	contract := mustContract(t)
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	for name, want := range contract.Types {
		if want.BuiltIn {
			continue
		}
		got := schema.Types[name]
		if got == nil || got.Kind != want.Kind {
			t.Errorf("%s %s is missing", want.Kind, name)
			continue
		}
		for _, v := range want.EnumValues {
			if got.EnumValues.ForName(v.Name) == nil {
				t.Errorf("%s: value %s is missing", name, v.Name)
			}
		}
		for _, d := range want.Directives {
			if g := got.Directives.ForName(d.Name); g == nil || g.Arguments[0].Value.String() != d.Arguments[0].Value.String() {
				t.Errorf("%s: directive @%s is missing or differs", name, d.Name)
			}
		}
		for _, f := range want.Fields {
			checkField(t, name, got.Fields.ForName(f.Name), f)
		}
		if got.Kind == ast.InputObject {
			for _, f := range got.Fields {
				if want.Fields.ForName(f.Name) == nil && f.Type.NonNull && f.DefaultValue == nil {
					t.Errorf("%s.%s is new and required: old clients do not send it", name, f.Name)
				}
			}
		}
	}
}

func checkField(t *testing.T, owner string, got, want *ast.FieldDefinition) {
	t.Helper()
	if strings.HasPrefix(want.Name, "__") {
		return
	}
	if got == nil {
		t.Errorf("%s.%s is missing", owner, want.Name)
		return
	}
	if got.Type.String() != want.Type.String() || defaultOf(got.DefaultValue) != defaultOf(want.DefaultValue) {
		t.Errorf("%s.%s is %s = %s, want %s = %s", owner, want.Name, got.Type, defaultOf(got.DefaultValue), want.Type, defaultOf(want.DefaultValue))
	}
	for _, a := range want.Arguments {
		g := got.Arguments.ForName(a.Name)
		if g == nil || g.Type.String() != a.Type.String() || defaultOf(g.DefaultValue) != defaultOf(a.DefaultValue) {
			t.Errorf("%s.%s: argument %s is missing or differs", owner, want.Name, a.Name)
		}
	}
	for _, a := range got.Arguments {
		if want.Arguments.ForName(a.Name) == nil && a.Type.NonNull && a.DefaultValue == nil {
			t.Errorf("%s.%s: argument %s is new and required: old clients do not send it", owner, want.Name, a.Name)
		}
	}
}

// TestSchemaIsDescribed: front-end developers read the API in their editor.
func TestSchemaIsDescribed(t *testing.T) {
	for name, def := range generated.NewExecutableSchema(generated.Config{}).Schema().Types {
		if def.BuiltIn {
			continue
		}
		described := func(description string, path ...string) {
			if strings.TrimSpace(description) == "" {
				t.Errorf("%s has no description", strings.Join(path, "."))
			}
		}
		described(def.Description, name)
		for _, v := range def.EnumValues {
			described(v.Description, name, v.Name)
		}
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			described(f.Description, name, f.Name)
			for _, a := range f.Arguments {
				described(a.Description, name, f.Name, a.Name)
			}
		}
	}
}

func defaultOf(v *ast.Value) string {
	if v == nil {
		return "nothing"
	}
	return v.String()
}

func mustContract(t *testing.T) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/contract.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "contract.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
