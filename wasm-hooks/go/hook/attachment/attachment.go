// Package attachment is imported by a hook that is called for each attachment of a message, after on_message.
// The module exports on_attachment because of it.
package attachment

import (
	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/internal/abi"
)

var point abi.Point

// Handle makes f the function that is called. Call it in main's init.
func Handle(f func(*hook.Attachment) hook.Answer) {
	point.Handle(func(input, answer []byte) []byte { return f(hook.NewAttachment(input)).AppendFrame(answer) })
}
