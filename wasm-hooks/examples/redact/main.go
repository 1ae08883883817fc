// Command redact is a hook: it takes e-mail addresses, phone numbers and card
// numbers out of messages.
//
// Configuration, with the defaults:
//
//	{
//	  "email": "[email]",     what takes the place of an address; "" leaves addresses
//	  "phone": "[phone]",     the same for phone numbers
//	  "card": "[card]",       the same for card numbers with a right check digit
//	  "everywhere": false,    all strings of the content, and not its text alone
//	  "except": ["id"]        with everywhere: what these keys have stays as it is
//	}
package main

import (
	"fmt"
	"slices"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/message"
)

type config struct {
	redactor
	Everywhere bool     `json:"everywhere"`
	Except     []string `json:"except"`
}

var settings = config{redactor: redactor{Email: "[email]", Phone: "[phone]", Card: "[card]"}, Except: []string{"id"}}

func init() {
	hook.Configure(&settings, settings.check)
	message.Handle(settings.answer)
}

// check refuses what would be redacted itself, the next time.
func (c *config) check() error {
	for _, s := range []string{c.Email, c.Phone, c.Card} {
		if c.redact(s) != s {
			return fmt.Errorf("%q cannot stand for what is taken out: it would be taken out itself", s)
		}
	}
	return nil
}

func (c *config) answer(m *hook.Message) hook.Answer {
	if c.Everywhere {
		return m.ReplaceStrings(func(key, s string) string {
			if slices.Contains(c.Except, key) {
				return s
			}
			return c.redact(s)
		})
	}
	was := m.Text()
	if is := c.redact(was); is != was {
		return m.ReplaceText(is)
	}
	return hook.Pass()
}

func main() {} // never called
