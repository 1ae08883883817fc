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
	next := schedule.Next(t.In(loc))
	if next.IsZero() {
		return time.Time{}, InvalidField("recurrence", "%q never matches a date", clip(expression))
	}
	return next.UTC(), nil
}

func badCron(expression string) error {
	return InvalidField("recurrence", "%q is not a cron expression of five fields (minute hour day month weekday)", clip(expression))
}
