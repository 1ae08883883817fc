package graph

import (
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

func TestConfigOfAHookIsTheJSONThatWasGiven(t *testing.T) {
	for name, tc := range map[string]struct {
		config graphql.Omittable[any]
		want   string
	}{
		"left out":       {graphql.Omittable[any]{}, ""},
		"null":           {graphql.OmittableOf[any](nil), "null"},
		"a text":         {graphql.OmittableOf[any](`{"a":1}`), `"{\"a\":1}"`},
		"with a bracket": {graphql.OmittableOf[any](map[string]any{"a": "<b>&"}), `{"a":"<b>&"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := hookChanges(model.UpdateHookInput{Config: tc.config})
			if err != nil || string(got.Config) != tc.want || (got.Config == nil) != (tc.want == "") {
				t.Errorf("config is %q, %v; want %q", got.Config, err, tc.want)
			}
		})
	}
}

func TestModuleIsDecodedWithinTheBudgetOfAllRequests(t *testing.T) {
	b := &budget{limit: 8}
	const encoded = model.Base64("AAAAAAAA") // six bytes
	install := func(module []byte) (engine.Hook, error) {
		if len(module) != 6 || b.used.Load() != 6 {
			t.Errorf("a module of %d bytes takes %d of the budget", len(module), b.used.Load())
		}
		return engine.Hook{}, nil
	}
	if _, err := withModule(b, encoded, install); err != nil || b.used.Load() != 0 {
		t.Errorf("error %v, %d bytes are still taken", err, b.used.Load())
	}
	other := lease{budget: b}
	other.grow(3)
	_, err := withModule(b, encoded, func([]byte) (engine.Hook, error) {
		t.Error("the module was decoded beyond the budget")
		return engine.Hook{}, nil
	})
	if engine.CodeOf(err) != engine.CodeUnavailable || b.used.Load() != 3 {
		t.Errorf("error %v, %d bytes are taken", err, b.used.Load())
	}
}
