package engine

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// NextRun is the first time after t that matches a cron expression of five
// fields, in a time zone; nil is UTC. An expression that cannot be read or
// never matches, and an unknown zone, are CodeInvalidInput with their field.
//
// What is to run at certain hours runs once on the day that clocks change: a
// time that they show twice is the first of both, and one that they leap over
// is as long after midnight as on other days (02:30 is then shown as 03:30).
// What is to run all through the day goes by the time that really passes.
func NextRun(expression string, timeZone *string, t time.Time) (time.Time, error) {
	loc := time.UTC
	if timeZone != nil {
		var err error
		// "Local" would be the zone of whichever host the engine runs on.
		if *timeZone == "Local" || *timeZone == "" {
			return time.Time{}, InvalidField("timeZone", "%q is not a time zone: use a name such as Europe/Berlin", *timeZone)
		}
		if loc, err = time.LoadLocation(*timeZone); err != nil {
			return time.Time{}, InvalidField("timeZone", "%q is not a time zone: use a name such as Europe/Berlin", clip(*timeZone))
		}
	}
	// The parser would take a zone of its own ("TZ=..."), and panics on half of one.
	if len(expression) > maxCronBytes || strings.Contains(expression, "=") {
		return time.Time{}, badCron(expression)
	}
	schedule, err := cronParser.Parse(expression)
	if err != nil {
		return time.Time{}, badCron(expression)
	}
	var next time.Time
	if everyHour(expression) {
		next = schedule.Next(t.In(loc))
	} else {
		next = nextOnClock(schedule, loc, t)
	}
	if next.IsZero() {
		return time.Time{}, InvalidField("recurrence", "%q never matches a date", clip(expression))
	}
	return next.UTC(), nil
}

func everyHour(expression string) bool {
	return strings.ContainsAny(strings.Fields(expression)[1][:1], "*?")
}

// nextOnClock is the first time after t at which a clock shows what matches.
func nextOnClock(schedule cron.Schedule, loc *time.Location, t time.Time) time.Time {
	// Clocks are read as if they showed UTC, which never changes.
	clock := shown(t.In(loc))
	for {
		clock = schedule.Next(clock)
		if clock.IsZero() {
			return clock
		}
		if at := whenShown(clock, loc); at.After(t) {
			return at
		}
	}
}

func shown(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// whenShown is the first time at which a clock in loc shows what clock says in
// UTC, or would show it if it were not changed that day.
func whenShown(clock time.Time, loc *time.Location) time.Time {
	offset := func(d time.Duration) time.Duration {
		_, seconds := clock.Add(d).In(loc).Zone()
		return time.Duration(seconds) * time.Second
	}
	before := clock.Add(-offset(-24 * time.Hour))
	if after := clock.Add(-offset(24 * time.Hour)); !shown(before.In(loc)).Equal(clock) && shown(after.In(loc)).Equal(clock) {
		return after
	}
	return before
}

func badCron(expression string) error {
	return InvalidField("recurrence", "%q is not a cron expression of five fields (minute hour day month weekday)", clip(expression))
}
