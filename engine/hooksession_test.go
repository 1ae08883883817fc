package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestASessionHasSoManyLabelsOfSoManyBytes(t *testing.T) {
	for _, c := range []struct {
		labels []string
		err    string
	}{
		{labels: slices.Repeat([]string{strings.Repeat("x", 128)}, 64)},
		{labels: []string{}},
		{slices.Repeat([]string{"x"}, 65), "65 labels, more than the 64"},
		{[]string{strings.Repeat("x", 129)}, "label"},
		{nil, "no labels"},
	} {
		u, err := engine.NewHookSubject(engine.HookOnSession, engine.HookSample{})
		if err != nil {
			t.Fatal(err)
		}
		before := string(u.Describe())
		err = u.Replace(engine.HookAnswer{Labels: c.labels})
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%d labels: %v", len(c.labels), err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || string(u.Describe()) != before):
			t.Errorf("%d labels: %v, and the session is %s", len(c.labels), err, u.Describe())
		}
	}
}
