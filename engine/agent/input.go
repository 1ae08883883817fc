package agent

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	inboxName  = "inbox"
	outboxName = "outbox"

	envPrefix = "TWINBOX_"
	// maxEnvBytes bounds one variable: the kernel refuses to start a program
	// with too large an environment, and a message must not bring that about.
	maxEnvBytes = 16 << 10
)

// input is what the command reads from its standard input.
func (a *agent) input(m message, along []message) ([]byte, error) {
	if a.Input == InputJSON {
		return encodeJSON(newInputDocument(m, along))
	}
	return []byte(inputText(m, along)), nil
}

func inputText(m message, along []message) string {
	var b strings.Builder
	if len(along) > 0 {
		b.WriteString("Earlier messages:\n\n")
		for _, c := range along {
			writeText(&b, c)
			b.WriteString("\n")
		}
		b.WriteString("Message:\n\n")
	}
	writeText(&b, m)
	return b.String()
}

func writeText(b *strings.Builder, m message) {
	b.WriteString(valid(m.text()))
	b.WriteString("\n")
	if len(m.attachments) > 0 {
		b.WriteString("\nAttached files:\n")
	}
	for _, f := range m.attachments {
		b.WriteString(f.Path)
		b.WriteString("\n")
	}
}

type inputDocument struct {
	Message inputMessage   `json:"message"`
	Context []inputMessage `json:"context"`
}

type inputMessage struct {
	ID              string          `json:"id"`
	Seq             *int64          `json:"seq"`
	Kind            *string         `json:"kind"`
	Timestamp       *string         `json:"timestamp"`
	PlatformID      *string         `json:"platformId"`
	ChannelType     *string         `json:"channelType"`
	ThreadID        *string         `json:"threadId"`
	SourceSessionID *string         `json:"sourceSessionId"`
	Tries           int64           `json:"tries"`
	Text            string          `json:"text"`
	Content         json.RawMessage `json:"content"`
	Attachments     []attachment    `json:"attachments"`
}

func newInputDocument(m message, along []message) inputDocument {
	d := inputDocument{Message: newInputMessage(m), Context: []inputMessage{}}
	for _, c := range along {
		d.Context = append(d.Context, newInputMessage(c))
	}
	return d
}

func newInputMessage(m message) inputMessage {
	in := inputMessage{ID: m.id, Seq: m.seq, Kind: m.kind, Timestamp: m.timestamp, PlatformID: m.platformID, ChannelType: m.channelType,
		ThreadID: m.threadID, SourceSessionID: m.sourceSessionID, Tries: m.tries, Text: m.text(), Attachments: m.attachments}
	if in.Attachments == nil {
		in.Attachments = []attachment{}
	}
	in.Content = structured(valid(m.content))
	return in
}

// structured returns a JSON object or array as it is, and any other content
// as a JSON string.
func structured(content string) json.RawMessage {
	start := strings.TrimLeft(content, " \t\r\n")
	if (strings.HasPrefix(start, "{") || strings.HasPrefix(start, "[")) && json.Valid([]byte(content)) {
		return json.RawMessage(content)
	}
	s, err := encodeJSON(content)
	if err != nil {
		return json.RawMessage(`null`)
	}
	return s
}

// environment is the agent's own with what the command may want to know. A
// variable is absent where the message has no such value.
func (a *agent) environment(m message, replyID, outbox string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, envPrefix) {
			env = append(env, v)
		}
	}
	set := func(name string, value *string) {
		switch {
		case value == nil:
		case len(*value) > maxEnvBytes || strings.ContainsRune(*value, 0):
			a.Log.Warn("a value does not fit into the environment and is left out", "message", m.id, "variable", envPrefix+name)
		default:
			env = append(env, envPrefix+name+"="+*value)
		}
	}
	text := func(name, value string) { set(name, &value) }
	text("WORKSPACE", a.dir)
	text("INBOX", filepath.Join(a.dir, inboxName))
	text("OUTBOX", outbox)
	text("INPUT", string(a.Input))
	text("REPLY_ID", replyID)
	text("MESSAGE_ID", m.id)
	if m.seq != nil {
		text("SEQ", strconv.FormatInt(*m.seq, 10))
	}
	text("TRIES", strconv.FormatInt(m.tries, 10))
	set("KIND", m.kind)
	set("TIMESTAMP", m.timestamp)
	set("PLATFORM_ID", m.platformID)
	set("CHANNEL_TYPE", m.channelType)
	set("THREAD_ID", m.threadID)
	set("SOURCE_SESSION_ID", m.sourceSessionID)
	var paths []string
	for _, f := range m.attachments {
		paths = append(paths, f.Path)
	}
	if len(paths) > 0 {
		text("ATTACHMENTS", strings.Join(paths, "\n"))
	}
	return env
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// encodeJSON writes compact JSON without HTML escapes: some readers search it
// as text (protocol: "Content").
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
