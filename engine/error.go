package engine

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an error is. The list is closed: an error
// without a code is [CodeInternal].
type Code string

const (
	// The sender can mend these; the API answers them as user errors.
	CodeInvalidInput  Code = "INVALID_INPUT"
	CodeNotFound      Code = "NOT_FOUND"
	CodeConflict      Code = "CONFLICT"
	CodeSessionClosed Code = "SESSION_CLOSED"
	CodeLimitExceeded Code = "LIMIT_EXCEEDED"
	// A hook refused it: Message is the hook's own reason.
	CodeHookRejected Code = "HOOK_REJECTED"
	// A hook whose policy is HookFail did not do its work.
	CodeHookFailed Code = "HOOK_FAILED"

	// These are the engine's own: a busy or full disk, and what nobody foresaw.
	CodeUnavailable Code = "UNAVAILABLE"
	CodeInternal    Code = "INTERNAL"
)

// Error is a failure with a code and a message that its reader may see.
// Whatever must stay in the log goes into Err.
type Error struct {
	Code Code
	// Message is a plain sentence: what was wrong, where, and what to do.
	Message string
	// Field is the path of the input field at fault, from the use case's input
	// on: {"content", "attachments", "0", "data"}. Empty if none is.
	Field []string
	// Err is the cause. It is for the log and for errors.Is, never for clients.
	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without field or cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidField makes an Error of CodeInvalidInput about one input field.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalidInput, Message: fmt.Sprintf(format, args...), Field: []string{field}}
}

// Unavailable makes an Error that says "try again later", and keeps the cause.
func Unavailable(cause error, format string, args ...any) *Error {
	return &Error{Code: CodeUnavailable, Message: fmt.Sprintf(format, args...), Err: cause}
}

// In returns e with path put before its field.
func (e *Error) In(path ...string) *Error {
	c := *e
	c.Field = append(append([]string{}, path...), e.Field...)
	return &c
}

// CodeOf returns the code of the first Error that err wraps, CodeInternal
// where there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
