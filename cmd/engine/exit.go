package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Exit codes, for scripts. They are part of what is promised: never renumber.
const (
	exitOK           = 0
	exitFailure      = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitConflict     = 4
	exitUnavailable  = 5
	exitUnauthorized = 6
	exitRefused      = 7
	exitTimeout      = 8
	exitInUse        = 9
	exitUnhealthy    = 10
)

// exitTable is the one list of exit codes, for --help.
func exitTable() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, row := range []struct {
		code int
		says string
	}{
		{exitOK, "done"},
		{exitFailure, "failed, for a reason that no other code names"},
		{exitUsage, "the command line is wrong; nothing was tried"},
		{exitNotFound, "there is no such thing (NOT_FOUND)"},
		{exitConflict, "it is in another state than that (CONFLICT, SESSION_CLOSED)"},
		{exitUnavailable, "not now, try again: no engine answers, or it is busy (UNAVAILABLE, RATE_LIMITED)"},
		{exitUnauthorized, "no token, or not one that may do this (UNAUTHENTICATED, FORBIDDEN)"},
		{exitRefused, "the input was refused (INVALID_INPUT, LIMIT_EXCEEDED, HOOK_REJECTED)"},
		{exitTimeout, "waited as long as was asked, in vain"},
		{exitInUse, "another engine has the data directory"},
		{exitUnhealthy, "a check failed: doctor found something wrong that still is, or a hook's fixtures differ"},
	} {
		fmt.Fprintf(&b, "  %d  %s\n", row.code, row.says)
	}
	return strings.TrimRight(b.String(), "\n")
}

// exitError gives an error its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func failf(code int, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if e, ok := errors.AsType[*apiError](err); ok {
		return exitCodeOf(e.problems[0].Code)
	}
	return exitFailure
}

// exitCodeOf is the exit code for a code of the API.
func exitCodeOf(code string) int {
	switch code {
	case "NOT_FOUND":
		return exitNotFound
	case "CONFLICT", "SESSION_CLOSED":
		return exitConflict
	case "UNAVAILABLE", "RATE_LIMITED":
		return exitUnavailable
	case "UNAUTHENTICATED", "FORBIDDEN":
		return exitUnauthorized
	case "INVALID_INPUT", "LIMIT_EXCEEDED", "HOOK_REJECTED", "BAD_REQUEST", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED":
		return exitRefused
	}
	return exitFailure
}

func printError(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(w, "engine:", printable(strings.TrimSuffix(line, "\n")))
	}
}
