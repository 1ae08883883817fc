// Package message is imported by a hook that is called for each message, before it is written.
// The module exports on_message because of it.
package message

import (
	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/internal/abi"
)

var point abi.Point

// Handle makes f the function that is called. Call it in main's init.
func Handle(f func(*hook.Message) hook.Answer) {
	point.Handle(func(input, answer []byte) []byte { return f(hook.NewMessage(input)).Append(answer) })
}
