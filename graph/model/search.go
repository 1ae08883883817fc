package model

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// SearchHit is a hit as the API shows it.
type SearchHit struct{ engine.SearchHit }

// ID is unique over all sessions: that of the Message or Reply.
func (h SearchHit) ID() string {
	kind := "message"
	if h.Direction == engine.DirectionOut {
		kind = "reply"
	}
	return globalID(kind, h.SessionID, h.SearchHit.ID)
}

// MessageID is nil for a reply.
func (h SearchHit) MessageID() *string { return h.inMailbox(engine.DirectionIn) }

// ReplyID is nil for a message.
func (h SearchHit) ReplyID() *string { return h.inMailbox(engine.DirectionOut) }

func (h SearchHit) inMailbox(d engine.Direction) *string {
	if h.Direction != d {
		return nil
	}
	return &h.SearchHit.ID
}

// MessageStatus is nil for a reply.
func (h SearchHit) MessageStatus() *engine.MessageStatus { return set(h.SearchHit.MessageStatus) }

// DeliveryStatus is nil for a message.
func (h SearchHit) DeliveryStatus() *engine.DeliveryStatus { return set(h.SearchHit.DeliveryStatus) }

func set[T ~string](v T) *T {
	if v == "" {
		return nil
	}
	return &v
}

// SearchConnection is a page of hits; it may end behind its last hit.
type SearchConnection struct {
	Connection[SearchHit]
	Index engine.IndexState
	End   string
}

// PageInfo says where the page lies in its list.
func (c SearchConnection) PageInfo() PageInfo {
	p := c.Connection.PageInfo()
	if c.HasNext {
		p.EndCursor = &c.End
	}
	return p
}

// MailID takes the id of a message or reply to pieces, where text is one.
func MailID(text string) (d engine.Direction, sessionID, id string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", "", "", false
	}
	parts := strings.SplitN(string(b), ":", 3)
	if len(parts) != 3 || !engine.SafeID(parts[1]) {
		return "", "", "", false
	}
	switch parts[0] {
	case "message":
		d = engine.DirectionIn
	case "reply":
		d = engine.DirectionOut
	}
	return d, parts[1], parts[2], d != ""
}

// AttentionMail is what a filter counts, as the API shows it.
type AttentionMail struct{ engine.AttentionMail }

// Filter is a SearchFilter of the schema, as JSON.
func (m AttentionMail) Filter() any { return filterJSON(m.AttentionMail.Filter) }

// filterJSON is a SearchFilter of the schema.
func filterJSON(of engine.SearchFilter) json.RawMessage {
	f := map[string]any{}
	for name, text := range map[string]string{"text": of.Text, "id": of.ID, "sessionId": of.SessionID, "agentGroupId": of.AgentGroupID,
		"channelType": of.ChannelType, "kind": of.Kind, "direction": string(of.Direction)} {
		if text != "" {
			f[name] = text
		}
	}
	if len(of.MessageStatus) > 0 {
		f["messageStatus"] = of.MessageStatus
	}
	if len(of.DeliveryStatus) > 0 {
		f["deliveryStatus"] = of.DeliveryStatus
	}
	if of.Waiting {
		f["waiting"] = true
	}
	if of.Retried != nil {
		f["retried"] = *of.Retried
	}
	for name, at := range map[string]*time.Time{"since": of.Since, "until": of.Until} {
		if at != nil {
			f[name] = engine.FormatTime(*at)
		}
	}
	b, _ := json.Marshal(f) // of strings and lists of them
	return b
}

// Oldest is nil where there is none.
func (m AttentionMail) Oldest() *SearchHit {
	if m.AttentionMail.Oldest == nil {
		return nil
	}
	return &SearchHit{*m.AttentionMail.Oldest}
}

// AttentionSessions are sessions by their ids.
type AttentionSessions struct {
	Count    int
	Sessions []engine.Session
}

// Attention is what may need somebody, as the API shows it.
type Attention struct {
	FailedReplies, UnsettledReplies, FailedMessages, WaitingMessages AttentionMail

	StuckContainers AttentionSessions
	Hooks           []Hook
	Index           engine.IndexState
}
