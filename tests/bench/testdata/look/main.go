// The hook look reads each message's text, finds nothing wrong and passes.
package main

import (
	"strings"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/message"
)

func init() {
	message.Handle(func(m *hook.Message) hook.Answer {
		if strings.Contains(m.Text(), "forbidden") {
			return hook.Drop()
		}
		return hook.Pass()
	})
}

func main() {}
