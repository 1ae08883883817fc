package graph

import (
	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

// defaultPage is the page size where none is asked for.
const defaultPage = 20

// page translates the arguments of a connection. first and after go forward,
// last and before backward; the two do not mix.
func page(first *int, after *string, last *int, before *string) (engine.Page, error) {
	p := engine.Page{Limit: defaultPage}
	switch {
	case first != nil && last != nil:
		return p, engine.InvalidField("last", "give first or last, not both")
	case first != nil && before != nil, after != nil && before != nil:
		return p, engine.InvalidField("before", "before goes with last; use first and after to page forward")
	case last != nil && after != nil:
		return p, engine.InvalidField("after", "after goes with first; use last and before to page backward")
	}
	limit, cursor, field := first, after, "first"
	if last != nil || before != nil {
		p.Backward = true
		limit, cursor, field = last, before, "last"
	}
	if limit != nil {
		p.Limit = *limit
	}
	if p.Limit < 1 || p.Limit > engine.MaxPage {
		return p, engine.InvalidField(field, "a page has 1 to %d items, not %d", engine.MaxPage, p.Limit)
	}
	if cursor != nil {
		p.Cursor = *cursor
	}
	return p, nil
}

// connection is the answer to a use case that returns a list of what the API
// shows as it is.
func connection[T any](l engine.List[T], err error) (model.Connection[T], error) {
	return model.Connection[T]{List: l}, err
}

// converted is the list with each item translated.
func converted[From, To any](l engine.List[From], convert func(From) To) model.Connection[To] {
	c := model.Connection[To]{}
	c.Cursors, c.HasNext, c.HasPrevious = l.Cursors, l.HasNext, l.HasPrevious
	c.Items = make([]To, len(l.Items))
	for i, item := range l.Items {
		c.Items[i] = convert(item)
	}
	return c
}
