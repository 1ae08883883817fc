package model

import (
	"encoding/base64"

	"github.com/twinbox/twinbox/engine"
)

// Message is a message as the API shows it.
type Message struct {
	engine.Message
	// Owner is the session where the reader has it at hand, else nil.
	Owner *engine.Session
	// Traces are of the list that it is in; nil for one that is in none.
	Traces *Traces
}

// ID is unique over all sessions.
func (m Message) ID() string { return globalID("message", m.SessionID, m.Message.ID) }

// MessageID is the id in the session's mailbox.
func (m Message) MessageID() string { return m.Message.ID }

// Content is a StoredJSON, as the scalar JSON takes it.
func (m Message) Content() any { return StoredJSON(m.Message.Content) }

// ContentText is the stored text.
func (m Message) ContentText() string { return m.Message.Content }

// PlatformID, ChannelType and ThreadID say where the answer goes.
func (m Message) PlatformID() *string { return m.Route.PlatformID }

// ChannelType is described at PlatformID.
func (m Message) ChannelType() *string { return m.Route.ChannelType }

// ThreadID is described at PlatformID.
func (m Message) ThreadID() *string { return m.Route.ThreadID }

// Reply is a reply as the API shows it.
type Reply struct {
	engine.Reply
	// Owner is the session where the reader has it at hand, else nil.
	Owner *engine.Session
	// Traces are of the list that it is in; nil for one that is in none.
	Traces *Traces
}

// ID is unique over all sessions.
func (r Reply) ID() string { return globalID("reply", r.SessionID, r.Reply.ID) }

// ReplyID is the id in the session's mailbox.
func (r Reply) ReplyID() string { return r.Reply.ID }

// Content is a StoredJSON, as the scalar JSON takes it.
func (r Reply) Content() any { return StoredJSON(r.Reply.Content) }

// ContentText is the stored text.
func (r Reply) ContentText() string { return r.Reply.Content }

// PlatformID, ChannelType and ThreadID say whom the reply is for.
func (r Reply) PlatformID() *string { return r.Route.PlatformID }

// ChannelType is described at PlatformID.
func (r Reply) ChannelType() *string { return r.Route.ChannelType }

// ThreadID is described at PlatformID.
func (r Reply) ThreadID() *string { return r.Route.ThreadID }

// globalID tells apart what mailboxes may give the same id. A session id has
// no colon, so no two run together; base64 because a foreign host's id may be
// any bytes, and lest clients take it to pieces.
func globalID(kind, sessionID, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + sessionID + ":" + id))
}

// Attachment is a file of a session with the address to download it from.
type Attachment struct {
	engine.Attachment
	URL string
}
