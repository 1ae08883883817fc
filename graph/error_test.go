package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/twinbox/twinbox/engine"
)

func TestPresentError(t *testing.T) {
	const cause = "open /data/engine.db"
	validation := gqlerror.Errorf("no such field")
	validation.Extensions = map[string]any{"code": "GRAPHQL_VALIDATION_FAILED"}
	full := engine.Unavailable(errors.New(cause), "the disk is full")
	for name, tc := range map[string]struct {
		err     error
		code    string
		message string
		logged  string
	}{
		"unknown":           {errors.New(cause), "INTERNAL", "something went wrong", cause},
		"internal":          {engine.Errorf(engine.CodeInternal, cause), "INTERNAL", "something went wrong", cause},
		"of the library":    {gqlerror.Errorf("must not be null"), "INTERNAL", "something went wrong", "must not be null"},
		"a panic":           {recoverPanic(t.Context(), cause), "INTERNAL", "something went wrong", "error_test.go"},
		"unavailable":       {full, "UNAVAILABLE", "the disk is full", cause},
		"wrapped":           {fmt.Errorf("write: %w", full), "UNAVAILABLE", "the disk is full", cause},
		"wrapped by gqlgen": {gqlerror.WrapPath(nil, fmt.Errorf("write: %w", full)), "UNAVAILABLE", "the disk is full", cause},
		"given up":          {fmt.Errorf("read: %w", context.Canceled), "UNAVAILABLE", "given up", ""},
		"out of time":       {context.DeadlineExceeded, "UNAVAILABLE", "given up", "deadline exceeded"},
		"bad cursor":        {engine.InvalidField("after", "no cursor"), "INVALID_INPUT", "no cursor", ""},
		"not found":         {fmt.Errorf("look up: %w", engine.Errorf(engine.CodeNotFound, "none")), "NOT_FOUND", "none", ""},
		"validation":        {validation, "GRAPHQL_VALIDATION_FAILED", "no such field", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			got := presentError(slog.New(slog.NewTextHandler(&log, nil)))(withRequestID(t.Context(), "req-7"), tc.err)
			if fmt.Sprint(got.Extensions["code"]) != tc.code || !strings.Contains(got.Message, tc.message) || got.Extensions["requestId"] != "req-7" {
				t.Errorf("got %q %v", got.Message, got.Extensions)
			}
			if strings.Contains(got.Error(), cause) {
				t.Errorf("the client is told the cause: %s", got)
			}
			if tc.logged == "" {
				if log.Len() > 0 {
					t.Errorf("logged %s", &log)
				}
			} else if !strings.Contains(log.String(), tc.logged) || !strings.Contains(log.String(), "request=req-7") {
				t.Errorf("logged %s", &log)
			}
		})
	}
	if validation.Extensions["requestId"] != nil {
		t.Error("an error value that several requests may share was changed")
	}
}

func TestRequestIDOfNoRequest(t *testing.T) {
	if id := requestIDFrom(t.Context()); id != "" {
		t.Errorf("got %q", id)
	}
	got := presentError(slog.New(slog.DiscardHandler))(t.Context(), errors.New("x"))
	if _, present := got.Extensions["requestId"]; present {
		t.Errorf("got %v", got.Extensions)
	}
}
