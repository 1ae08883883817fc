package hook

import "encoding/json"

// Content is what a message or reply says: a JSON object or array, or a string.
type Content struct {
	input []byte
	// name is of the object in input whose member "content" it is.
	name        string
	object, raw []byte
}

// about is that object, and what comes after it.
func (c *Content) about() []byte {
	if c.object == nil {
		c.object = find(c.input, c.name)
	}
	return c.object
}

// begun is the content, and what comes after it.
func (c *Content) begun() []byte {
	if c.raw != nil {
		return c.raw
	}
	return find(c.about(), "content")
}

// JSON is the content as it was sent. It is not to be written to.
func (c *Content) JSON() json.RawMessage {
	if c.raw == nil {
		c.raw = first(c.about(), "content")
	}
	return c.raw
}

// Decode decodes the content, as json.Unmarshal does.
func (c *Content) Decode(v any) error {
	if decodeTexts(c.begun(), v) {
		return nil
	}
	return json.Unmarshal(c.JSON(), v)
}

// Text is the content where it is a string, else its member "text"; "" if there
// is none.
func (c *Content) Text() string {
	b := c.begun()
	if len(b) > 0 && b[0] == '"' {
		return unquote(b[:stringEnd(b, 0)])
	}
	return unquote(member(b, "text"))
}

// ReplaceText answers with the content as it is, but for Text. If there is no
// text to replace, it passes.
func (c *Content) ReplaceText(text string) Answer {
	raw := c.JSON()
	if len(raw) > 0 && raw[0] == '"' {
		return Answer{action: "replace", content: appendQuoted(nil, text)}
	}
	var b []byte
	done := 0
	// All by that name: whoever reads the first of two gets the new one, too.
	for key, v := range members(raw) {
		if isString(key, "text") && raw[v.start] == '"' {
			b = appendQuoted(append(b, raw[done:v.start]...), text)
			done = v.end
		}
	}
	if done == 0 {
		return Pass()
	}
	return Answer{action: "replace", content: append(b, raw[done:]...)}
}

// ReplaceStrings answers with the content as it is, but for each string, which
// becomes what f makes of it. The key is that of the string, or of the array
// that it is in; "" if there is none. Names of members, and the references by
// which attachments are known, are not offered. If nothing changes, it passes.
func (c *Content) ReplaceStrings(f func(key, s string) string) Answer {
	raw := c.JSON()
	var b []byte
	done := 0
	var within path
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			within = within.after(raw[i])
			i++
			continue
		}
		end := stringEnd(raw, i)
		if within.atKey() {
			within[len(within)-1].key = raw[i:end]
		} else if !within.isRef() {
			was := unquote(raw[i:end])
			if is := f(within.key(), was); is != was {
				b = appendQuoted(append(b, raw[done:i]...), is)
				done = end
			}
		}
		i = end
	}
	if done == 0 {
		return Pass()
	}
	return Answer{action: "replace", content: append(b, raw[done:]...)}
}

// path is the objects and arrays around a place in JSON, outermost first.
type path []level

type level struct {
	object bool
	// keyNext is set where an object's next string is a key.
	keyNext bool
	// key is the last one, with quotes; an array has that of what it is in.
	key []byte
}

func (p path) after(c byte) path {
	switch c {
	case '{':
		return append(p, level{object: true, keyNext: true})
	case '[':
		return append(p, level{key: p.last().key})
	case '}', ']':
		return p[:max(len(p)-1, 0)]
	case ',':
		if len(p) > 0 {
			p[len(p)-1].keyNext = p.last().object
		}
	case ':':
		if len(p) > 0 {
			p[len(p)-1].keyNext = false
		}
	}
	return p
}

func (p path) last() level {
	if len(p) == 0 {
		return level{}
	}
	return p[len(p)-1]
}

func (p path) atKey() bool { return p.last().keyNext }

func (p path) key() string { return unquote(p.last().key) }

// isRef tells whether the place is content.attachments[…].ref.
func (p path) isRef() bool {
	return len(p) == 3 && isString(p[0].key, "attachments") && !p[1].object && isString(p[2].key, "ref")
}
