package metering

import (
	"fmt"
	"strings"
)

// Reason says why a module was refused.
type Reason string

const (
	// Invalid: the bytes are not a WebAssembly module.
	Invalid Reason = "invalid"
	// Unsupported: the module uses a feature beyond WebAssembly 2.0.
	Unsupported Reason = "unsupported"
	// OverLimit: the module is larger in some way than [Limits] allow.
	OverLimit Reason = "over limit"
	// Reserved: the module reaches for what belongs to the metering.
	Reserved Reason = "reserved"
)

// Error is a module's refusal, for the module's author to read.
type Error struct {
	Reason Reason
	// Section is the section's name, as in the specification. Empty for the
	// module as a whole.
	Section string
	// Function is the index of the function at fault, imports counted, or -1.
	Function int
	// Name is that function's name, if the module's name section has one.
	Name string
	// Offset is where in the module's bytes the fault lies.
	Offset int
	// Message is what is wrong, and what to do about it.
	Message string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("module")
	if e.Section != "" {
		fmt.Fprintf(&b, ": %s section", e.Section)
	}
	if e.Function >= 0 {
		fmt.Fprintf(&b, ": function %d", e.Function)
		if e.Name != "" {
			fmt.Fprintf(&b, " (%s)", e.Name)
		}
	}
	fmt.Fprintf(&b, ": at byte %d: %s", e.Offset, e.Message)
	return b.String()
}

func refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Function: -1, Offset: -1, Message: fmt.Sprintf(format, args...)}
}

func unsupported(feature string) *Error {
	return refuse(Unsupported, "%s is not supported: build for WebAssembly 2.0 without it", feature)
}

func outOfRange(what string, index uint32, count int) *Error {
	return refuse(Invalid, "there is no %s %d: the module has %d", what, index, count)
}
