package graph

import (
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// codeTime is how long a code may be used.
	codeTime = 15 * time.Minute
	// maxCodes are kept; who makes more has lost the oldest.
	maxCodes = 64
)

type codeSum = [sha256.Size]byte

// signInCodes are codes that sign in once. They end with the engine.
type signInCodes struct {
	mu    sync.Mutex // guards until
	until map[codeSum]time.Time
}

func (c *signInCodes) make(now time.Time) (code string, until time.Time) {
	code, until = rand.Text(), now.Add(codeTime)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.until) >= maxCodes {
		delete(c.until, slices.MinFunc(slices.Collect(maps.Keys(c.until)), func(a, b codeSum) int { return c.until[a].Compare(c.until[b]) }))
	}
	c.until[sha256.Sum256([]byte(code))] = until
	return code, until
}

// redeem reports whether a code is valid; it is no longer.
func (c *signInCodes) redeem(code string, now time.Time) bool {
	sum := sha256.Sum256([]byte(code))
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.until[sum]
	delete(c.until, sum)
	return ok && now.Before(until)
}
