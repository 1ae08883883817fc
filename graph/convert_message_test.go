package graph

import (
	"reflect"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

func TestWriteMessageInputIsTranslatedWhole(t *testing.T) {
	text := func(s string) *string { return &s }
	at := model.Time("2026-01-31T12:00:00+01:00")
	noon := time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC)
	got, err := writeMessageInput(model.WriteMessageInput{
		SessionID: "sess-1", MessageID: text("m"), Kind: "task", Timestamp: &at, Content: "hello",
		PlatformID: graphql.OmittableOf(text("p")), ChannelType: graphql.OmittableOf[*string](nil),
		ProcessAfter: &at, Recurrence: text("* * * * *"), TimeZone: text("Europe/Berlin"), MissedRuns: engine.MissedAll,
		Trigger: true, OnWake: true, SourceSessionID: text("sess-2"),
	})
	want := engine.WriteMessageInput{
		SessionID: "sess-1", MessageID: text("m"), Kind: "task", Timestamp: &noon, Content: "hello",
		PlatformID: engine.Some(text("p")), ChannelType: engine.Some[*string](nil),
		ProcessAfter: &noon, Recurrence: text("* * * * *"), TimeZone: text("Europe/Berlin"), MissedRuns: engine.MissedAll,
		Trigger: true, OnWake: true, SourceSessionID: text("sess-2"),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestTimesOfAMessageThatCannotBeRead(t *testing.T) {
	bad := model.Time("tomorrow")
	for field, in := range map[string]model.WriteMessageInput{
		"timestamp": {Timestamp: &bad}, "processAfter": {ProcessAfter: &bad},
	} {
		_, err := writeMessageInput(in)
		errs, err := userErrors(err)
		if err != nil || len(errs) != 1 || errs[0].Code != engine.CodeInvalidInput || errs[0].Field[1] != field {
			t.Errorf("%s: %+v, %v", field, errs, err)
		}
	}
}
