package hook

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"time"
)

// Message is what a hook at on_message is called for. What it lacks is "".
type Message struct{ Content }

// NewMessage takes the input of on_message (docs/hooks/abi.md).
func NewMessage(input []byte) *Message {
	return &Message{Content{input: input, name: "message"}}
}

// Session is where it is going.
func (m *Message) Session() *Session { return sessionOf(m.input) }

// ID is the message's own.
func (m *Message) ID() string { return text(m.about(), "id") }

// Kind is what the content is like: "chat", "webhook" and so on.
func (m *Message) Kind() string { return text(m.about(), "kind") }

// Timestamp is when it was sent; zero if that is not known.
func (m *Message) Timestamp() time.Time {
	t, err := time.Parse(time.RFC3339, text(m.about(), "timestamp"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// PlatformID is the chat it came from, as its platform calls it.
func (m *Message) PlatformID() string { return text(m.about(), "platformId") }

// ChannelType is the platform it came from.
func (m *Message) ChannelType() string { return text(m.about(), "channelType") }

// ThreadID is the thread it came from.
func (m *Message) ThreadID() string { return text(m.about(), "threadId") }

// SourceSessionID is the session of the agent that sent it.
func (m *Message) SourceSessionID() string { return text(m.about(), "sourceSessionId") }

// Trigger tells whether it asks for an answer, or is context alone.
func (m *Message) Trigger() bool { return bytes.HasPrefix(find(m.about(), "trigger"), []byte("true")) }

// Attachment is what a hook at on_attachment is called for.
type Attachment struct {
	input, about, bytes []byte
}

// NewAttachment takes the input of on_attachment: a frame.
func NewAttachment(input []byte) *Attachment {
	size := binary.LittleEndian.Uint32(input)
	described := input[4 : 4+size : 4+size]
	return &Attachment{described, find(described, "attachment"), input[4+size:]}
}

// Frame is an input of on_attachment: for tests.
func Frame(description string, bytes []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(description)))
	return append(append(b, description...), bytes...)
}

// Bytes are the attachment's. They may be changed in place.
func (a *Attachment) Bytes() []byte { return a.bytes }

// Ref is the reference by which the message's content names it.
func (a *Attachment) Ref() string { return text(a.about, "ref") }

// Name is the name of its file.
func (a *Attachment) Name() string { return text(a.about, "name") }

// MimeType is what its sender says that it is, "" if nothing.
func (a *Attachment) MimeType() string { return text(a.about, "mimeType") }

// Message is the one that it belongs to, without its content.
func (a *Attachment) Message() *Message { return NewMessage(a.input) }

// Reply is what a hook at on_reply is called for.
type Reply struct{ Content }

// NewReply takes the input of on_reply.
func NewReply(input []byte) *Reply { return &Reply{Content{input: input, name: "reply"}} }

// Session is where it comes from.
func (r *Reply) Session() *Session { return sessionOf(r.input) }

// ID is the reply's own.
func (r *Reply) ID() string { return text(r.about(), "id") }

// Kind is what the content is like.
func (r *Reply) Kind() string { return text(r.about(), "kind") }

// PlatformID is the chat that it goes to, as its platform calls it.
func (r *Reply) PlatformID() string { return text(r.about(), "platformId") }

// ChannelType is the platform that it goes to.
func (r *Reply) ChannelType() string { return text(r.about(), "channelType") }

// ThreadID is the thread that it goes to.
func (r *Reply) ThreadID() string { return text(r.about(), "threadId") }

// Session is what a hook at on_session is called for, and part of what the
// others are.
type Session struct{ about []byte }

// NewSession takes the input of on_session.
func NewSession(input []byte) *Session { return sessionOf(input) }

func sessionOf(input []byte) *Session { return &Session{find(input, "session")} }

// ID is the session's own.
func (s *Session) ID() string { return text(s.about, "id") }

// AgentGroupID is the agent's.
func (s *Session) AgentGroupID() string { return text(s.about, "agentGroupId") }

// MessagingGroupID is the chat's, as the engine calls it.
func (s *Session) MessagingGroupID() string { return text(s.about, "messagingGroupId") }

// ThreadID is the thread's.
func (s *Session) ThreadID() string { return text(s.about, "threadId") }

// Mode says what shares the session.
func (s *Session) Mode() string { return text(s.about, "mode") }

// Labels are what it is marked with.
func (s *Session) Labels() []string {
	var labels []string
	if json.Unmarshal(first(s.about, "labels"), &labels) != nil {
		return nil
	}
	return labels
}

// ChannelType is the chat's platform. It is known at on_session alone.
func (s *Session) ChannelType() string { return text(s.about, "channelType") }

// PlatformID is the chat, as its platform calls it. It is known at on_session
// alone.
func (s *Session) PlatformID() string { return text(s.about, "platformId") }
