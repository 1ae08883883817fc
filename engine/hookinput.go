package engine

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine/internal/jsonvalue"
)

// HookSample is an input for a hook, as its tests and dry runs give one. It
// decodes from the JSON that docs/hooks/abi.md describes; what is left out is
// made up.
type HookSample struct {
	Session    HookSession    `json:"session"`
	Message    HookMessage    `json:"message"`
	Reply      HookMessage    `json:"reply"`
	Attachment HookAttachment `json:"attachment"`
	// Bytes are the attachment's.
	Bytes []byte `json:"-"`
	// load brings Bytes when it is their turn; nil if they are there.
	load func(context.Context) ([]byte, error)
}

// HookSession is a session as hooks see it.
type HookSession struct {
	ID               string      `json:"id"`
	AgentGroupID     string      `json:"agentGroupId"`
	MessagingGroupID *string     `json:"messagingGroupId"`
	ThreadID         *string     `json:"threadId"`
	Mode             SessionMode `json:"mode"`
	Labels           []string    `json:"labels"`
	// ChannelType and PlatformID are of its chat; only on_session has them.
	ChannelType *string `json:"channelType"`
	PlatformID  *string `json:"platformId"`
}

// HookMessage is a message or reply as hooks see it.
type HookMessage struct {
	ID              string    `json:"id"`
	Kind            string    `json:"kind"`
	Timestamp       time.Time `json:"timestamp"`
	PlatformID      *string   `json:"platformId"`
	ChannelType     *string   `json:"channelType"`
	ThreadID        *string   `json:"threadId"`
	SourceSessionID *string   `json:"sourceSessionId"`
	Trigger         bool      `json:"trigger"`
	// Content is a JSON object or list, or a string.
	Content json.RawMessage `json:"content"`
}

// HookAttachment is an attachment as hooks see it, without its bytes.
type HookAttachment struct {
	Ref      string  `json:"ref"`
	Name     string  `json:"name"`
	MimeType *string `json:"mimeType"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// NewHookSubject makes what a chain of p can be run on from a sample. What it
// comes to is to be had from Describe; nothing is stored. It fails with
// CodeInvalidInput if p's part of the sample is no valid one.
func NewHookSubject(p HookPoint, s HookSample) (HookSubject, error) {
	s.complete()
	limits := DefaultLimits()
	switch p {
	case HookOnMessage, HookOnReply:
		m := s.Message
		if p == HookOnReply {
			m = s.Reply
		}
		content, err := parseShown(m.Kind, m.Content)
		if err != nil {
			return nil, err
		}
		draft := m.draft()
		draft.Content = content
		u := &contentSubject{point: p, session: string(s.Session.append(nil)), draft: draft, limit: limits.ContentBytes}
		return u, u.show(sampleSizes(content))
	case HookOnAttachment:
		s.Attachment.Size = int64(len(s.Bytes))
		return &attachmentSubject{head: attachmentHead(string(s.Session.append(nil)), s.Message.draft()), about: s.Attachment, bytes: s.Bytes, limit: limits.AttachmentBytes}, nil
	case HookOnSession:
		return &sessionSubject{session: s.Session}, nil
	}
	return nil, InvalidField("point", "%q is not a point", clip(string(p)))
}

// sampleSizes are about those of what is not read.
func sampleSizes(c Content) []int64 {
	sizes := make([]int64, len(c.Attachments))
	for i, a := range c.Attachments {
		if a.Data != nil {
			sizes[i] = int64(base64.RawStdEncoding.DecodedLen(len(strings.TrimRight(*a.Data, "=\r\n"))))
		}
	}
	return sizes
}

func (s *HookSample) complete() {
	if s.Session.ID == "" {
		s.Session.ID = SessionIDPrefix + "sample"
	}
	if s.Session.AgentGroupID == "" {
		s.Session.AgentGroupID = "sample"
	}
	if s.Session.Mode == "" {
		s.Session.Mode = ModeShared
	}
	for _, m := range []*HookMessage{&s.Message, &s.Reply} {
		if m.ID == "" {
			m.ID = "sample"
		}
		if m.Kind == "" {
			m.Kind = "chat"
		}
		if m.Timestamp.IsZero() {
			m.Timestamp = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // the same on every run
		}
		if m.Content == nil {
			m.Content = json.RawMessage(`{}`)
		}
	}
	if s.Attachment.Ref == "" {
		s.Attachment.Ref = attachmentRef(0)
	}
}

// parseShown reads a content as it is shown to hooks.
func parseShown(kind string, shown json.RawMessage) (Content, error) {
	value, ok, err := readJSON(string(shown))
	if err != nil {
		return Content{}, err
	}
	if !ok {
		return Content{}, InvalidField("content", "content is not JSON")
	}
	c, err := parseContent(kind, value)
	if err != nil {
		return Content{}, err
	}
	return c, c.settle()
}

func hookSession(s *Session) HookSession {
	return HookSession{ID: s.ID, AgentGroupID: s.AgentGroupID, MessagingGroupID: s.MessagingGroupID, ThreadID: s.ThreadID, Mode: s.Mode, Labels: s.Labels}
}

// draft is what is shown as m is.
func (m HookMessage) draft() *Draft {
	return &Draft{ID: m.ID, Kind: m.Kind, Timestamp: m.Timestamp, Route: Route{PlatformID: m.PlatformID, ChannelType: m.ChannelType, ThreadID: m.ThreadID},
		SourceSessionID: m.SourceSessionID, Trigger: m.Trigger}
}

func attachmentRef(i int) string { return "att-" + strconv.Itoa(i) }

// The inputs are written by hand: they are made for each message.

func appendPoint(b []byte, p HookPoint) []byte {
	b = append(b, `{"abi":1,"point":"`...)
	b = append(b, p.Export()...)
	return append(b, `",`...)
}

// Export is the name of the function that a module exports for p.
func (p HookPoint) Export() string {
	switch p { // asked for with each call
	case HookOnMessage:
		return "on_message"
	case HookOnAttachment:
		return "on_attachment"
	case HookOnReply:
		return "on_reply"
	case HookOnSession:
		return "on_session"
	}
	return strings.ToLower(string(p))
}

func (s *HookSession) append(b []byte) []byte {
	b = jsonvalue.AppendText(append(b, `{"id":`...), s.ID)
	b = jsonvalue.AppendText(append(b, `,"agentGroupId":`...), s.AgentGroupID)
	b = appendOptional(append(b, `,"messagingGroupId":`...), s.MessagingGroupID)
	b = appendOptional(append(b, `,"threadId":`...), s.ThreadID)
	b = jsonvalue.AppendText(append(b, `,"mode":`...), string(s.Mode))
	b = append(b, `,"labels":[`...)
	for i, l := range s.Labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonvalue.AppendText(b, l)
	}
	return append(b, "]}"...)
}

// appendShown appends the members of an object, but for the content.
func (d *Draft) appendShown(b []byte) []byte { return d.appendRest(d.appendOwn(b)) }

// appendOwn appends those in which each message differs from the others.
func (d *Draft) appendOwn(b []byte) []byte {
	b = jsonvalue.AppendText(append(b, `"id":`...), d.ID)
	b = jsonvalue.AppendText(append(b, `,"kind":`...), d.Kind)
	return append(appendTime(append(b, `,"timestamp":"`...), d.Timestamp), '"')
}

// appendRest appends those after appendOwn's, from the comma on.
func (d *Draft) appendRest(b []byte) []byte {
	b = appendOptional(append(b, `,"platformId":`...), d.Route.PlatformID)
	b = appendOptional(append(b, `,"channelType":`...), d.Route.ChannelType)
	b = appendOptional(append(b, `,"threadId":`...), d.Route.ThreadID)
	b = appendOptional(append(b, `,"sourceSessionId":`...), d.SourceSessionID)
	return strconv.AppendBool(append(b, `,"trigger":`...), d.Trigger)
}

func (a HookAttachment) append(b []byte) []byte {
	b = jsonvalue.AppendText(append(b, `{"ref":`...), a.Ref)
	b = jsonvalue.AppendText(append(b, `,"name":`...), a.Name)
	b = appendOptional(append(b, `,"mimeType":`...), a.MimeType)
	b = strconv.AppendInt(append(b, `,"size":`...), a.Size, 10)
	return append(b, '}')
}

func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return jsonvalue.AppendText(b, *s)
}

// appendFrame puts its length before what fill appends.
func appendFrame(b []byte, fill func([]byte) []byte) []byte {
	at := len(b)
	b = fill(append(b, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}
