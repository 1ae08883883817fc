// Package session is imported by a hook that is called for each session that is about to be created.
// The module exports on_session because of it.
package session

import (
	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/internal/abi"
)

var point abi.Point

// Handle makes f the function that is called. Call it in main's init.
func Handle(f func(*hook.Session) hook.Answer) {
	point.Handle(func(input, answer []byte) []byte { return f(hook.NewSession(input)).Append(answer) })
}
