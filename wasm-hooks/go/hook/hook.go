// Package hook is for hooks written in Go: functions from a message, an
// attachment, a reply or a session to an answer. A program imports the package
// of each point that it handles, and registers its function there:
//
//	func init() { message.Handle(answer) }
//
//	func answer(m *hook.Message) hook.Answer {
//		text := m.Text()
//		if !strings.Contains(text, "secret") {
//			return hook.Pass()
//		}
//		return m.ReplaceText(strings.ReplaceAll(text, "secret", "******"))
//	}
//
//	func main() {} // never called
//
// It is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
//
// which "engine hook build" does. Built for any other system the functions can
// be tested as any are: NewMessage and its siblings take an input as text.
//
// What a function is given is read when it is asked for, so a hook that passes
// for a look at the kind has not parsed the content. It holds until the
// function returns. A panic fails the call, and is in the hook's log.
package hook

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook/internal/abi"
)

// Configure has the hook's configuration decoded over what settings points to,
// once, before the first call, and check called then. A field that it has not
// is an error, and so is what check returns: the hook is not installed then, and
// the operator is told why. Call it in main's init.
func Configure(settings any, check func() error) {
	abi.OnInit(func(config []byte) error {
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(settings); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		return check()
	})
}

// Level is of a line in the hook's log.
type Level int

const (
	Debug Level = abi.Debug
	Info  Level = abi.Info
	Warn  Level = abi.Warn
	Error Level = abi.Error
)

// Logf writes a line to the hook's log, which "engine hook logs" shows.
func Logf(l Level, format string, args ...any) { abi.Log(int(l), fmt.Sprintf(format, args...)) }
