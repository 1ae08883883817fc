// The hook rewrite parses the content of a message, upper-cases its text, and
// answers with the new content. Attachments it answers with their own bytes.
package main

import (
	"strings"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/attachment"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/message"
)

type content struct {
	Sender   string `json:"sender"`
	SenderID string `json:"senderId"`
	Text     string `json:"text"`
}

func init() {
	message.Handle(func(m *hook.Message) hook.Answer {
		var c content
		if err := m.Decode(&c); err != nil {
			return hook.Reject(err.Error())
		}
		c.Text = strings.ToUpper(c.Text)
		return hook.Replace(c)
	})
	attachment.Handle(func(a *hook.Attachment) hook.Answer { return hook.ReplaceBytes(a.Bytes()) })
}

func main() {}
