// Package reply is imported by a hook that is called for each reply, before it is delivered.
// The module exports on_reply because of it.
package reply

import (
	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/internal/abi"
)

var point abi.Point

// Handle makes f the function that is called. Call it in main's init.
func Handle(f func(*hook.Reply) hook.Answer) {
	point.Handle(func(input, answer []byte) []byte { return f(hook.NewReply(input)).Append(answer) })
}
