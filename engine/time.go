package engine

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// TimeLayout is how every time is written: RFC 3339, UTC, milliseconds, Z
// (protocol: "Time").
const TimeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime writes t in TimeLayout.
func FormatTime(t time.Time) string { return string(appendTime(make([]byte, 0, len(TimeLayout)), t)) }

// second is how times in one begin, with the dot.
type second struct {
	unix int64
	text string
}

// lastSecond is the one that was written last: most times are of now, and a
// message has several.
var lastSecond atomic.Pointer[second]

// appendTime appends t in TimeLayout to b.
func appendTime(b []byte, t time.Time) []byte {
	s := lastSecond.Load()
	if unix := t.Unix(); s == nil || s.unix != unix {
		// RFC 3339 itself is formatted several times faster than another layout.
		text := t.UTC().Format(time.RFC3339)
		s = &second{unix, text[:len(text)-1] + "."}
		lastSecond.Store(s)
	}
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(append(b, s.text...), byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
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
