package delivery

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine"
)

// body is a request's, as docs/delivery.md describes it.
type body struct {
	DeliveryID     string    `json:"deliveryId"`
	Attempt        int       `json:"attempt"`
	PossibleRepeat bool      `json:"possibleRepeat"`
	SessionID      string    `json:"sessionId"`
	Reply          replyBody `json:"reply"`
	Files          []file    `json:"files"`
}

type replyBody struct {
	ID          string          `json:"id"`
	Seq         *int64          `json:"seq"`
	Kind        string          `json:"kind"`
	Timestamp   *string         `json:"timestamp"`
	InReplyTo   *string         `json:"inReplyTo"`
	ChannelType *string         `json:"channelType"`
	PlatformID  *string         `json:"platformId"`
	ThreadID    *string         `json:"threadId"`
	Content     json.RawMessage `json:"content"`
}

type file struct {
	Name     string  `json:"name"`
	Size     int64   `json:"size"`
	MimeType *string `json:"mimeType"`
	Data     []byte  `json:"data,omitempty"`
	URL      string  `json:"url,omitempty"`
}

func (w *Webhooks) body(p engine.Parcel) body {
	r := p.Reply
	b := body{DeliveryID: p.DeliveryID, Attempt: p.Attempt, PossibleRepeat: p.PossibleRepeat, SessionID: r.SessionID, Files: []file{},
		Reply: replyBody{ID: r.ID, Seq: r.Seq, Kind: r.Kind, Timestamp: timeText(r.Timestamp), InReplyTo: r.InReplyTo,
			ChannelType: r.Route.ChannelType, PlatformID: r.Route.PlatformID, ThreadID: r.Route.ThreadID, Content: content(r.Content)}}
	for _, f := range p.Files {
		out := file{Name: f.Name, Size: f.Size, MimeType: f.MimeType, Data: f.Data}
		if f.URL != "" {
			out.URL = strings.TrimSuffix(w.options.BaseURL, "/") + f.URL
		}
		b.Files = append(b.Files, out)
	}
	return b
}

func timeText(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return new(engine.FormatTime(*t))
}

// content is an object or an array as such, and anything else as a string, as
// in the API.
func content(text string) json.RawMessage {
	start := strings.TrimLeft(text, " \t\r\n")
	if start != "" && (start[0] == '{' || start[0] == '[') && utf8.ValidString(text) && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return quoted
}
