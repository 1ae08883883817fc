package engine

// Page asks for a part of a list. It starts behind the Cursor, or at the
// list's start, and goes forward; Backward goes from before the Cursor, or
// from the list's end, towards the start, and still answers in list order.
type Page struct {
	// Limit is the number of items at most, from 1 to MaxPage.
	Limit    int
	Cursor   string
	Backward bool
}

// MaxPage is the most items that one page holds.
const MaxPage = 100

// List is a page of a list: keyset pagination, so items that are added or
// removed between two pages make neither repeat nor skip others.
type List[T any] struct {
	Items []T
	// Cursors has one opaque cursor for each item.
	Cursors []string
	// HasNext and HasPrevious tell of items after and before this page.
	HasNext, HasPrevious bool
}

// Add appends an item with its cursor.
func (l *List[T]) Add(item T, cursor string) {
	l.Items = append(l.Items, item)
	l.Cursors = append(l.Cursors, cursor)
}

func (p Page) check() error {
	if p.Limit < 1 || p.Limit > MaxPage {
		return Errorf(CodeInvalidInput, "a page has 1 to %d items, not %d", MaxPage, p.Limit)
	}
	return nil
}
