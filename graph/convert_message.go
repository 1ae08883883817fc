package graph

import (
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

// writeMessageInput translates the API's input; a time that cannot be read is
// CodeInvalidInput with its field.
func writeMessageInput(in model.WriteMessageInput) (engine.WriteMessageInput, error) {
	timestamp, err := inputTime("timestamp", in.Timestamp)
	if err != nil {
		return engine.WriteMessageInput{}, err
	}
	processAfter, err := inputTime("processAfter", in.ProcessAfter)
	if err != nil {
		return engine.WriteMessageInput{}, err
	}
	return engine.WriteMessageInput{
		SessionID:       in.SessionID,
		MessageID:       in.MessageID,
		Kind:            in.Kind,
		Timestamp:       timestamp,
		Content:         in.Content,
		PlatformID:      omittable(in.PlatformID),
		ChannelType:     omittable(in.ChannelType),
		ThreadID:        omittable(in.ThreadID),
		ProcessAfter:    processAfter,
		Recurrence:      in.Recurrence,
		TimeZone:        in.TimeZone,
		MissedRuns:      in.MissedRuns,
		Trigger:         in.Trigger,
		OnWake:          in.OnWake,
		SourceSessionID: in.SourceSessionID,
	}, nil
}

func inputTime(field string, t *model.Time) (*time.Time, error) {
	if t == nil {
		return nil, nil
	}
	parsed, err := engine.ParseTime(string(*t))
	if err != nil {
		return nil, engine.InvalidField(field, "%s", err)
	}
	return &parsed, nil
}

func omittable(o graphql.Omittable[*string]) engine.Omittable[*string] {
	v, set := o.ValueOK()
	return engine.Omittable[*string]{Value: v, Set: set}
}

// writeMessagePayload translates what became of a message. at is where its
// input stands in the mutation's input.
func writeMessagePayload(r engine.WriteResult, at ...string) (*model.WriteMessagePayload, error) {
	errs, err := userErrors(r.Err, at...)
	if err != nil {
		return nil, err
	}
	p := &model.WriteMessagePayload{UserErrors: errs}
	if len(errs) > 0 {
		return p, nil
	}
	p.Outcome = &r.Outcome
	p.Message = storedMessage(r.Message)
	return p, nil
}

func messageActionPayload(m engine.Message, err error) (*model.MessageActionPayload, error) {
	errs, err := userErrors(err)
	if err != nil {
		return nil, err
	}
	return &model.MessageActionPayload{Message: object(model.Message{Message: m}, errs), UserErrors: errs}, nil
}

func replyActionPayload(reply engine.Reply, err error) (*model.ReplyActionPayload, error) {
	errs, err := userErrors(err)
	if err != nil {
		return nil, err
	}
	return &model.ReplyActionPayload{Reply: object(model.Reply{Reply: reply}, errs), UserErrors: errs}, nil
}

func storedMessage(m *engine.Message) *model.Message {
	if m == nil {
		return nil
	}
	return &model.Message{Message: *m}
}
