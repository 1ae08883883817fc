package model

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
)

const badTime = "a DateTime is a string such as 2026-01-31T12:00:00Z"

// MarshalDateTime writes a DateTime in the engine's one form.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, `"`+engine.FormatTime(t)+`"`) })
}

// UnmarshalDateTime reads what engine.ParseTime does; anything else is
// CodeInvalidInput.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, engine.Errorf(engine.CodeInvalidInput, badTime)
	}
	t, err := engine.ParseTime(s)
	if err != nil {
		return time.Time{}, engine.Errorf(engine.CodeInvalidInput, "%s", err)
	}
	return t, nil
}

// Time is a DateTime of an input as its sender wrote it: one that cannot be
// read is to be a user error with its field, which a scalar cannot make.
type Time string

// UnmarshalGQL takes any string; see Time.
func (t *Time) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if !ok {
		return engine.Errorf(engine.CodeInvalidInput, badTime)
	}
	*t = Time(s)
	return nil
}

// MarshalGQL writes the text as it came.
func (t Time) MarshalGQL(w io.Writer) { MarshalString(string(t)).MarshalGQL(w) }

// MarshalString writes s, with what is not UTF-8 replaced: containers and
// foreign hosts write the texts that are read here.
func MarshalString(s string) graphql.Marshaler {
	return graphql.MarshalString(strings.ToValidUTF8(s, "\uFFFD"))
}

// UnmarshalString reads a String; anything but text is CodeInvalidInput. Null,
// which only comes where it is allowed, is "".
func UnmarshalString(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", engine.Errorf(engine.CodeInvalidInput, "a String is text in quotes")
	}
	return s, nil
}

// MarshalID writes an ID; see MarshalString.
func MarshalID(s string) graphql.Marshaler { return MarshalString(s) }

// UnmarshalID reads an ID, which may come as a whole number; anything else is
// CodeInvalidInput. Null is as for UnmarshalString.
func UnmarshalID(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v.String(), nil
		}
	}
	return "", engine.Errorf(engine.CodeInvalidInput, "an ID is text in quotes or a whole number")
}

// MarshalInt writes an Int, which has 32 bits: what a container counted
// beyond that is the most that can be said.
func MarshalInt(i int) graphql.Marshaler {
	return graphql.MarshalInt(min(max(i, math.MinInt32), math.MaxInt32))
}

// UnmarshalInt reads an Int of 32 bits; anything else is CodeInvalidInput.
func UnmarshalInt(v any) (int, error) {
	if _, isText := v.(string); !isText {
		if i, err := graphql.UnmarshalInt32(v); err == nil {
			return int(i), nil
		}
	}
	return 0, engine.Errorf(engine.CodeInvalidInput, "an Int is a whole number of 32 bits")
}

// MarshalInt64 writes an Int64 as a JSON number.
func MarshalInt64(i int64) graphql.Marshaler { return graphql.MarshalInt64(i) }

// UnmarshalInt64 reads an Int64; anything else is CodeInvalidInput.
func UnmarshalInt64(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i, nil
		}
	}
	return 0, engine.Errorf(engine.CodeInvalidInput, "an Int64 is a whole number of 64 bits")
}

// Base64 is bytes in base64 as their sender wrote them: what cannot be read is
// to be a user error with its field, and what it takes is to be known before.
type Base64 string

// UnmarshalGQL takes any string; see Base64.
func (b *Base64) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if !ok {
		return engine.Errorf(engine.CodeInvalidInput, "Base64 is a string")
	}
	*b = Base64(s)
	return nil
}

// MarshalGQL writes the text as it came.
func (b Base64) MarshalGQL(w io.Writer) { MarshalString(string(b)).MarshalGQL(w) }

// Len is the most bytes that Decode returns.
func (b Base64) Len() int { return base64.StdEncoding.DecodedLen(len(b)) }

// Decode reads the standard alphabet, padded; anything else is
// CodeInvalidInput.
func (b Base64) Decode() ([]byte, error) {
	bytes, err := base64.StdEncoding.DecodeString(string(b))
	if err != nil {
		return nil, engine.Errorf(engine.CodeInvalidInput, "not base64 of the standard alphabet with padding")
	}
	return bytes, nil
}
