package engine_test

import (
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// Each line is a series: an expression in a zone, where it starts, and the
// times that follow.
func TestRunsOnDaysThatClocksChange(t *testing.T) {
	for _, c := range []struct {
		name, expression, zone, after string
		runs                          []string
	}{
		{"a time that is leapt over runs once", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00-05:00",
			[]string{"2026-03-08T03:30:00-04:00", "2026-03-09T02:30:00-04:00"}},
		{"a time that is shown twice runs once", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		{"from between both", "30 1 * * *", "America/New_York", "2026-11-01T01:10:00-05:00", []string{"2026-11-02T01:30:00-05:00"}},
		{"half hours go by the time that passes, in autumn", "*/30 * * * *", "America/New_York", "2026-11-01T01:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00", "2026-11-01T02:00:00-05:00"}},
		{"and in spring", "*/30 * * * *", "America/New_York", "2026-03-08T01:00:00-05:00",
			[]string{"2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00"}},
		{"nine o'clock is nine o'clock", "0 9 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T09:00:00+02:00", "2026-03-30T09:00:00+02:00"}},
		{"a midnight that there is not", "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00+02:00",
			[]string{"2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"}},
		{"a leap of half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30",
			[]string{"2026-10-04T02:45:00+11:00", "2026-10-05T02:15:00+11:00"}},
		{"two hours that fall on one are one run", "30 2,3 * * *", "America/New_York", "2026-03-08T00:00:00-05:00",
			[]string{"2026-03-08T03:30:00-04:00", "2026-03-09T02:30:00-04:00"}},
		{"a zone without changes", "0 9 * * 1-5", "Asia/Kolkata", "2026-03-06T10:00:00+05:30", []string{"2026-03-09T09:00:00+05:30"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := mustTime(t, c.after)
			for _, want := range c.runs {
				next, err := engine.NextRun(c.expression, &c.zone, at)
				if err != nil {
					t.Fatal(err)
				}
				if !next.Equal(mustTime(t, want)) {
					t.Fatalf("after %s comes %s, want %s", at, next, want)
				}
				at = next
			}
		})
	}
}
