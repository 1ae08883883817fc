package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func mustTime(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := engine.ParseTime(s)
	must(t, err)
	return at
}

func TestTimesAreReadInEveryFormAndWrittenInOne(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-31T12:00:00Z":                "2026-01-31T12:00:00.000Z",
		"2026-01-31T12:00:00.123456789Z":      "2026-01-31T12:00:00.123Z",
		"2026-01-31T12:00:00+05:30":           "2026-01-31T06:30:00.000Z",
		"2026-01-31T23:30:00-01:00":           "2026-02-01T00:30:00.000Z",
		"2026-01-31t12:00:00z":                "2026-01-31T12:00:00.000Z",
		"2026-01-31 12:00:00":                 "2026-01-31T12:00:00.000Z", // SQLite's, which is UTC (lesson 27)
		"2026-01-31 12:00:00.5":               "2026-01-31T12:00:00.500Z",
		"0000-01-01T00:00:00Z":                "0000-01-01T00:00:00.000Z",
		"9999-12-31T23:59:59.999Z":            "9999-12-31T23:59:59.999Z",
		"":                                    "",
		"now":                                 "",
		"2026-01-31":                          "",
		"2026-02-30T12:00:00Z":                "",
		"2026-01-31T12:00:00":                 "",
		"2026-01-31T24:00:00Z":                "",
		"9999-12-31T23:59:59-01:00":           "",
		"0000-01-01T00:00:00+01:00":           "",
		"1769860800":                          "",
		"2026-01-31T12:00:00Z\x00":            "",
		strings.Repeat("2026-01-31 ", 10_000): "",
	} {
		at, err := engine.ParseTime(text)
		if want == "" {
			if err == nil {
				t.Errorf("%.40q was read as %s", text, at)
			} else if len(err.Error()) > 400 {
				t.Errorf("the error repeats %d bytes", len(err.Error()))
			}
			continue
		}
		if err != nil || engine.FormatTime(at) != want {
			t.Errorf("%q was read as %s, %v; want %s", text, engine.FormatTime(at), err, want)
		}
	}
}

func TestRunsOfASeriesAreInItsTimeZone(t *testing.T) {
	for _, c := range []struct{ cron, zone, after, want string }{
		{"0 9 * * *", "", "2026-01-31T12:00:00Z", "2026-02-01T09:00:00.000Z"},
		{"0 9 * * *", "Europe/Berlin", "2026-01-31T12:00:00Z", "2026-02-01T08:00:00.000Z"},
		{"0 9 * * *", "Europe/Berlin", "2026-07-31T12:00:00Z", "2026-08-01T07:00:00.000Z"},
		{"0 9 * * *", "Asia/Kolkata", "2026-01-31T12:00:00Z", "2026-02-01T03:30:00.000Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00.000Z"}, // 02:30 is shown as 03:30 on the 29th
		{"*/15 * * * 1-5", "", "2026-01-30T23:50:00Z", "2026-02-02T00:00:00.000Z"},
		{"0 0 29 2 *", "", "2026-01-31T12:00:00Z", "2028-02-29T00:00:00.000Z"},
	} {
		var zone *string
		if c.zone != "" {
			zone = &c.zone
		}
		next, err := engine.NextRun(c.cron, zone, mustTime(t, c.after))
		if err != nil || engine.FormatTime(next) != c.want {
			t.Errorf("%s in %q after %s: %s, %v; want %s", c.cron, c.zone, c.after, engine.FormatTime(next), err, c.want)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-01-31T12:00:00.123Z", "2026-01-31 12:00:00", "2026-01-31T12:00:00+05:30", "0000-01-01T00:00:00-23:59", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := engine.ParseTime(s)
		if err != nil {
			return
		}
		written := engine.FormatTime(at)
		again, err := engine.ParseTime(written)
		if err != nil || !again.Equal(at.Truncate(time.Millisecond)) || len(written) != len(engine.TimeLayout) {
			t.Errorf("%q is %v, written %q, read %v, %v", s, at, written, again, err)
		}
	})
}

func FuzzNextRun(f *testing.F) {
	for _, s := range []string{"* * * * *", "*/5 0-23/2 1,15 JAN-DEC MON", "0 0 30 2 *", "TZ= * * * *", "@daily", "0 0 31 4 0-7"} {
		f.Add(s, "Europe/Berlin")
	}
	f.Add("59 23 31 12 6", "../x")
	at := time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, cron, zone string) {
		next, err := engine.NextRun(cron, &zone, at)
		if err != nil {
			wantCode(t, err, engine.CodeInvalidInput)
			return
		}
		if !next.After(at) || next.Second() != 0 && zone == "UTC" {
			t.Errorf("%q in %q after %v is %v", cron, zone, at, next)
		}
	})
}
