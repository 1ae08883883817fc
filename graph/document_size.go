package graph

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The size of a document, with every fragment counted wherever it is spread.
const (
	maxDepth = 20
	// maxParts bounds fields, spreads, directives and values together.
	maxParts   = 10_000
	maxAliases = 50
	// maxOverlaps bounds the pairs of fields that answer at one place: the
	// rule that they must agree compares each with each.
	maxOverlaps = 10_000
	// maxIntrospection is a third more than the usual introspection query weighs.
	maxIntrospection = 300_000
)

// introspectionLength is how long a list of introspection is taken to be.
func introspectionLength(field string) int {
	switch field {
	case "types":
		return 100
	case "fields", "inputFields", "enumValues", "possibleTypes", "directives":
		return 10
	case "interfaces", "args":
		return 3
	}
	return 1
}

// checkSize refuses a document that is too large to be worth checking. It
// walks operations and fragments as validation and execution will, and stops
// at the first limit passed: its own cost is bounded by maxParts, however
// often fragments spread each other.
func checkSize(doc *ast.QueryDocument) *gqlerror.Error {
	w := sizeWalk{fragments: make(map[string]*ast.FragmentDefinition, len(doc.Fragments)), open: map[string]bool{}, places: map[place]*taken{}}
	for _, f := range doc.Fragments {
		if w.fragments[f.Name] == nil {
			w.fragments[f.Name] = f
		}
	}
	for _, op := range doc.Operations {
		w.root(op.Directives, op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		w.root(f.Directives, f.SelectionSet)
	}
	return w.err
}

type sizeWalk struct {
	fragments map[string]*ast.FragmentDefinition
	// open are the fragments being walked. One inside itself is skipped here
	// and refused by validation.
	open   map[string]bool
	places map[place]*taken

	roots, parts, aliases, overlaps, introspection int
	// err is the first limit passed; nothing is walked after it.
	err *gqlerror.Error
}

// place is a name in the answer below another place; roots are negative.
type place struct {
	parent int
	name   string
}

// taken is how many fields answer at a place.
type taken struct {
	id, fields int
}

// at is where a walk is: how deep, at which place of the answer, and inside of
// introspection how often what stands here will be answered (0 outside).
type at struct {
	depth, place, weight int
}

func (w *sizeWalk) root(directives ast.DirectiveList, set ast.SelectionSet) {
	w.roots++
	w.directives(directives)
	w.set(set, at{place: -w.roots})
}

func (w *sizeWalk) set(set ast.SelectionSet, a at) {
	for _, s := range set {
		if !w.part() {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			w.field(s, a)
		case *ast.InlineFragment:
			w.directives(s.Directives)
			w.set(s.SelectionSet, a)
		case *ast.FragmentSpread:
			w.directives(s.Directives)
			if f := w.fragments[s.Name]; f != nil && !w.open[s.Name] {
				w.open[s.Name] = true
				w.directives(f.Directives)
				w.set(f.SelectionSet, a)
				delete(w.open, s.Name)
			}
		}
	}
}

func (w *sizeWalk) field(f *ast.Field, a at) {
	w.arguments(f.Arguments)
	w.directives(f.Directives)
	here := place{a.place, f.Alias}
	t := w.places[here]
	if t == nil {
		t = &taken{id: len(w.places)}
		w.places[here] = t
	}
	w.overlaps += t.fields
	t.fields++
	if f.Alias != f.Name {
		w.aliases++
	}
	a.depth++
	a.place = t.id
	if f.Name == "__schema" || f.Name == "__type" {
		a.weight = max(a.weight, 1)
	}
	w.introspection += a.weight
	switch {
	case a.depth > maxDepth:
		w.fail(f.Position, "the document is more than %d fields deep", maxDepth)
	case w.aliases > maxAliases:
		w.fail(f.Position, "the document has more than %d aliases, fragments counted wherever they are spread", maxAliases)
	case w.overlaps > maxOverlaps:
		w.fail(f.Position, "the document selects one field too often at one place")
	case w.introspection > maxIntrospection:
		w.fail(f.Position, "the document asks for too much of the schema at once")
	default:
		a.weight = min(a.weight*introspectionLength(f.Name), maxIntrospection+1)
		w.set(f.SelectionSet, a)
	}
}

func (w *sizeWalk) directives(list ast.DirectiveList) {
	for _, d := range list {
		if !w.part() {
			return
		}
		w.arguments(d.Arguments)
	}
}

func (w *sizeWalk) arguments(list ast.ArgumentList) {
	for _, arg := range list {
		w.value(arg.Value)
	}
}

func (w *sizeWalk) value(v *ast.Value) {
	if !w.part() {
		return
	}
	for _, child := range v.Children {
		w.value(child.Value)
	}
}

// part counts one, and reports whether the walk goes on.
func (w *sizeWalk) part() bool {
	if w.parts++; w.parts > maxParts {
		w.fail(nil, "the document has more than %d fields and values, fragments counted wherever they are spread; send large values as variables", maxParts)
	}
	return w.err == nil
}

func (w *sizeWalk) fail(p *ast.Position, format string, args ...any) {
	switch {
	case w.err != nil:
	case p == nil:
		w.err = gqlerror.Errorf(format, args...)
	default:
		w.err = gqlerror.ErrorPosf(p, format, args...)
	}
}
