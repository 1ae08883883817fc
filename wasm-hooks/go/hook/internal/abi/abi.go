// Package abi is what the engine sees of a hook: the functions that it calls,
// and the buffers that the two exchange. A guest has one thread and serves one
// call at a time, so nothing is locked.
package abi

import (
	"errors"
	"runtime"
)

// Levels of Log.
const (
	Debug = iota
	Info
	Warn
	Error
)

// keepBytes is how much of a buffer is kept for the next call.
const keepBytes = 4 << 20

const (
	// callsPerYield is how many calls go by at most before the guest yields.
	callsPerYield = 16
	// A guest yields at once after an answer that is longer than shortBytes, and
	// while it has more memory than fewPages, which are 16 MiB.
	shortBytes = 4 << 10
	fewPages   = 16 << 20 / (64 << 10)
)

// state is one instance of the hook.
var state struct {
	input, output []byte
	configure     func(config []byte) error
	calls         int // since the guest yielded
}

// OnInit has the configuration given to f, once, before the first call; it is
// null if there is none.
func OnInit(f func(config []byte) error) { state.configure = f }

// Alloc is room for the next input. It is never empty: its address counts.
func Alloc(size uint32) []byte {
	if uint64(cap(state.input)) < uint64(size) || state.input == nil {
		state.input = make([]byte, max(uint64(size), 1<<10))
	}
	state.input = state.input[:cap(state.input)]
	return state.input
}

// Init configures the hook. The text says what is wrong with the configuration,
// and is empty if nothing is.
func Init(size uint32) (problem []byte) {
	config := state.input[:size]
	var err error
	if state.configure != nil {
		err = state.configure(config)
	} else if string(config) != "null" {
		err = errors.New("this hook takes no configuration")
	}
	if err != nil {
		problem = append(state.output[:0], err.Error()...)
	}
	state.output = problem
	return problem
}

// Point is one at which the hook is called.
type Point struct {
	handle func(input, answer []byte) []byte
}

// Handle has calls answered by f, which appends to its second argument, nothing
// for a pass.
func (p *Point) Handle(f func(input, answer []byte) []byte) { p.handle = f }

// Answer answers the input of that size that lies in Alloc's room. A panic ends
// the program, with a trace on standard error: the engine takes it for a failure
// of this call, and logs it.
func (p *Point) Answer(size uint32) []byte {
	state.output = p.handle(state.input[:size], state.output[:0])
	return state.output
}

// Done forgets what the call needed. A guest that never yields never collects
// its garbage either: the collector is a goroutine that waits for its turn. To
// yield takes longer than most hooks take to pass, and a fifth as long as to
// rewrite a short text; those leave little, and all of them together no more
// than a memory that is small.
func Done() {
	if state.calls++; state.calls < callsPerYield && len(state.output) <= shortBytes && memoryPages() <= fewPages {
		return
	}
	state.calls = 0
	if cap(state.input) > keepBytes {
		state.input = nil
	}
	if cap(state.output) > keepBytes {
		state.output = nil
	}
	runtime.Gosched()
}
