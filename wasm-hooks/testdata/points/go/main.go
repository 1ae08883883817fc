// A hook that gives each answer at each point, told by what it is called with.
package main

import (
	"encoding/json"
	"slices"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/attachment"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/message"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/reply"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/session"
)

type text string

// UnmarshalJSON says what the test looks for.
func (t *text) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*string)(t)) != nil {
		return errWhy{}
	}
	return nil
}

type errWhy struct{}

func (errWhy) Error() string { return "why must be a text" }

var settings = struct {
	Why text `json:"why"`
}{"no reason"}

// waste is a variable, so that what it holds is made.
var waste []byte

func init() {
	hook.Configure(&settings, func() error { return nil })
	message.Handle(func(m *hook.Message) hook.Answer { return answer(&m.Content) })
	reply.Handle(func(r *hook.Reply) hook.Answer { return answer(&r.Content) })
	attachment.Handle(attached)
	session.Handle(begun)
}

func answer(c *hook.Content) hook.Answer {
	hook.Logf(hook.Info, "called")
	switch c.Text() {
	case "pass":
		return hook.Pass()
	case "drop":
		return hook.Drop()
	case "reject":
		return hook.Reject(string(settings.Why))
	case "fail":
		panic("on purpose")
	case "list":
		return hook.Replace([]any{nil, c.JSON()})
	case "waste":
		for range 8 {
			waste = make([]byte, 1<<20)
		}
		return hook.Replace("done")
	}
	return c.ReplaceText("was: " + c.Text())
}

func attached(a *hook.Attachment) hook.Answer {
	switch a.Name() {
	case "rename":
		return hook.Keep().WithName("renamed").WithMimeType("text/plain")
	case "remove":
		return hook.Remove()
	case "reject":
		return hook.Reject(string(settings.Why))
	case "pass":
		return hook.Pass()
	}
	slices.Reverse(a.Bytes())
	return hook.ReplaceBytes(a.Bytes())
}

func begun(s *hook.Session) hook.Answer {
	labels := s.Labels()
	if len(labels) == 0 {
		return hook.Reject(string(settings.Why))
	}
	return hook.Labels(append(labels, s.ChannelType())...)
}

func main() {}
