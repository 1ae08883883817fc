package graph

import "sync/atomic"

// budget bounds the bytes that all requests in flight hold of their bodies.
type budget struct {
	limit int64
	used  atomic.Int64
}

// lease is one request's share of a budget. It belongs to one goroutine.
type lease struct {
	budget *budget
	bytes  int64
}

// grow takes n more bytes, or none and false if that would pass the limit.
func (l *lease) grow(n int64) bool {
	if l.budget.used.Add(n) > l.budget.limit {
		l.budget.used.Add(-n)
		return false
	}
	l.bytes += n
	return true
}

// shrinkTo gives back all but n bytes.
func (l *lease) shrinkTo(n int64) {
	if n < l.bytes {
		l.budget.used.Add(n - l.bytes)
		l.bytes = n
	}
}
