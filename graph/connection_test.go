package graph

import (
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestPageArguments(t *testing.T) {
	n := func(i int) *int { return &i }
	c := func(s string) *string { return &s }
	for name, tc := range map[string]struct {
		first, last   *int
		after, before *string
		want          engine.Page
		field         string
	}{
		"nothing":           {want: engine.Page{Limit: 20}},
		"first":             {first: n(100), want: engine.Page{Limit: 100}},
		"first after":       {first: n(1), after: c("x"), want: engine.Page{Limit: 1, Cursor: "x"}},
		"after":             {after: c("x"), want: engine.Page{Limit: 20, Cursor: "x"}},
		"last":              {last: n(5), want: engine.Page{Limit: 5, Backward: true}},
		"last before":       {last: n(5), before: c("x"), want: engine.Page{Limit: 5, Cursor: "x", Backward: true}},
		"before":            {before: c("x"), want: engine.Page{Limit: 20, Cursor: "x", Backward: true}},
		"first zero":        {first: n(0), field: "first"},
		"first negative":    {first: n(-1), field: "first"},
		"first too many":    {first: n(101), field: "first"},
		"last zero":         {last: n(0), field: "last"},
		"last too many":     {last: n(100000), field: "last"},
		"first with last":   {first: n(1), last: n(1), field: "last"},
		"first with before": {first: n(1), before: c("x"), field: "before"},
		"after with before": {after: c("x"), before: c("y"), field: "before"},
		"last with after":   {last: n(1), after: c("x"), field: "after"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := page(tc.first, tc.after, tc.last, tc.before)
			if tc.field == "" {
				if err != nil || got != tc.want {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			errs, err := userErrors(err)
			if err != nil || errs[0].Code != engine.CodeInvalidInput || errs[0].Field[1] != tc.field {
				t.Errorf("got %+v, %v", errs, err)
			}
		})
	}
}
