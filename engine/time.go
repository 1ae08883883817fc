package engine

import (
	"fmt"
	"strings"
	"time"
)

// TimeLayout is how every time is written: RFC 3339, UTC, milliseconds, Z
// (protocol: "Time").
const TimeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime writes t in TimeLayout.
func FormatTime(t time.Time) string { return string(appendTime(make([]byte, 0, len(TimeLayout)), t)) }

// appendTime appends t in TimeLayout to b.
func appendTime(b []byte, t time.Time) []byte {
	// RFC 3339 itself is formatted several times faster than another layout.
	b = t.UTC().AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// ParseTime reads RFC 3339 with any offset and fraction, and SQLite's
// "YYYY-MM-DD HH:MM:SS[.SSS]", which is UTC. The result is in UTC.
func ParseTime(s string) (time.Time, error) {
	if len(s) <= 64 {
		// RFC 3339 takes its letters in either case.
		for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02 15:04:05"} {
			if t, err := time.Parse(layout, strings.ToUpper(s)); err == nil && writable(t) {
				return t.UTC(), nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: use RFC 3339 such as 2026-01-31T12:00:00Z", clip(s))
}

// writable reports whether TimeLayout can hold t: years of four digits.
func writable(t time.Time) bool { return t.UTC().Year() >= 0 && t.UTC().Year() <= 9999 }

func checkTime(field string, t *time.Time) error {
	if t == nil || writable(*t) {
		return nil
	}
	return InvalidField(field, "%s lies outside of the years 0 to 9999", field)
}
