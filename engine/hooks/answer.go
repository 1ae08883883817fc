package hooks

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine"
)

// verdict is what a hook answered, checked for its point. Replace is in the
// memory that it was parsed from.
type verdict struct {
	action  engine.HookAction
	reason  string // of HookRejected
	replace engine.HookAnswer
}

// allowed are the actions that a point's answer can have, in the order in
// which they are told.
func allowed(p engine.HookPoint) []string {
	switch p {
	case engine.HookOnAttachment:
		return []string{"pass", "replace", "remove", "reject"}
	case engine.HookOnSession:
		return []string{"pass", "replace", "reject"}
	default:
		return []string{"pass", "replace", "drop", "reject"}
	}
}

// parseAnswer reads an answer of a hook called at p.
func parseAnswer(p engine.HookPoint, b []byte) (verdict, error) {
	text, bytes := b, []byte(nil)
	if p == engine.HookOnAttachment {
		var err error
		if text, bytes, err = splitFrame(b); err != nil {
			return verdict{}, err
		}
	}
	var members answerMembers
	if err := checkObject(text, members.take); err != nil {
		return verdict{}, err
	}
	action, given, err := members.text(memberAction)
	switch {
	case err != nil:
		return verdict{}, err
	case !given:
		return verdict{}, faultf("it answered without \"action\", which is one of %s", strings.Join(allowed(p), ", "))
	case !slices.Contains(allowed(p), action):
		return verdict{}, faultf("it answered with the action %q; at this point there are %s", action, strings.Join(allowed(p), ", "))
	}
	if len(bytes) > 0 && action != "replace" {
		return verdict{}, faultf("it answered with the action %q and %d bytes, which only \"replace\" takes", action, len(bytes))
	}
	switch action {
	case "drop":
		return verdict{action: engine.HookDropped}, nil
	case "remove":
		return verdict{action: engine.HookRemoved}, nil
	case "reject":
		reason, _, err := members.text(memberReason)
		if err != nil {
			return verdict{}, err
		}
		return verdict{action: engine.HookRejected, reason: tame(reason, maxReasonBytes)}, nil
	case "replace":
		a := verdict{action: engine.HookReplaced}
		a.replace, err = parseReplacement(p, &members, bytes)
		return a, err
	}
	return verdict{action: engine.HookPassed}, nil
}

func parseReplacement(p engine.HookPoint, members *answerMembers, bytes []byte) (r engine.HookAnswer, err error) {
	switch p {
	case engine.HookOnAttachment:
		return parseAttachment(members, bytes)
	case engine.HookOnSession:
		labels, err := memberOf[[]*string](members, memberLabels)
		switch {
		case err != nil:
			return r, err
		case labels == nil:
			return r, faultf("it answered with \"replace\" without \"labels\", a list of texts")
		}
		for _, l := range *labels {
			if l == nil {
				return r, faultf("it answered with the label null, which is no text")
			}
			r.Labels = append(r.Labels, *l)
		}
		if r.Labels == nil {
			r.Labels = []string{}
		}
		return r, nil
	}
	r.Content = members[memberContent]
	if len(r.Content) == 0 || !strings.ContainsRune(`{["`, rune(r.Content[0])) {
		return r, faultf("it answered with \"replace\" without \"content\": an object, a list or a text")
	}
	return r, nil
}

func parseAttachment(members *answerMembers, bytes []byte) (r engine.HookAnswer, err error) {
	which, _, err := members.text(memberBytes)
	if err != nil {
		return r, err
	}
	switch {
	case which != "keep" && which != "replace":
		return r, faultf("it answered with \"replace\" without \"bytes\": \"keep\", or \"replace\" for those after the JSON")
	case which == "keep" && len(bytes) > 0:
		return r, faultf("it answered with %d bytes after the JSON, but says \"bytes\":\"keep\"", len(bytes))
	}
	r.ReplaceBytes, r.Bytes = which == "replace", bytes
	if r.Name, err = memberOf[string](members, memberName); err != nil {
		return r, err
	}
	r.MimeType, err = memberOf[string](members, memberMimeType)
	return r, err
}

// memberNames are those that an answer can have; others are passed by.
var memberNames = [...]string{memberAction: "action", memberReason: "reason", memberContent: "content", memberLabels: "labels",
	memberBytes: "bytes", memberName: "name", memberMimeType: "mimeType"}

const (
	memberAction = iota
	memberReason
	memberContent
	memberLabels
	memberBytes
	memberName
	memberMimeType
)

// answerMembers are an answer's, as they are written; nil are those that it has
// not.
type answerMembers [len(memberNames)]json.RawMessage

// take takes note of a member of checked JSON.
func (m *answerMembers) take(key, value []byte) error {
	name, plain := plainText(key)
	if !plain {
		var decoded string
		if err := json.Unmarshal(key, &decoded); err != nil {
			return faultf("it answered with a name that is not JSON: %v", err)
		}
		name = []byte(decoded)
	}
	for i := range memberNames {
		if string(name) != memberNames[i] {
			continue
		}
		if m[i] != nil {
			return faultf("it answered with %q twice", name)
		}
		m[i] = value
	}
	return nil
}

// plainText is what a text of checked JSON says, if it stands there as it is.
func plainText(b []byte) (text []byte, plain bool) {
	if len(b) < 2 || b[0] != '"' || bytes.IndexByte(b, '\\') >= 0 {
		return nil, false
	}
	return b[1 : len(b)-1], true
}

// text decodes a member that is a text. It is not given where there is none, or
// null.
func (m *answerMembers) text(member int) (text string, given bool, err error) {
	if plain, ok := plainText(m[member]); ok {
		for _, known := range [...]string{"replace", "keep"} {
			if string(plain) == known {
				return known, true, nil
			}
		}
		return string(plain), true, nil
	}
	decoded, err := memberOf[string](m, member)
	if decoded == nil {
		return "", false, err
	}
	return *decoded, true, nil
}

// memberOf decodes a member of an answer; nil is none, or null.
func memberOf[T any](m *answerMembers, member int) (*T, error) {
	raw := m[member]
	if raw == nil {
		return nil, nil
	}
	var v *T
	if err := json.Unmarshal(raw, &v); err != nil {
		kind := "a text"
		if member == memberLabels {
			kind = "a list of texts"
		}
		shown := raw[:min(len(raw), 40)]
		for !utf8.Valid(shown) {
			shown = shown[:len(shown)-1]
		}
		return nil, faultf("it answered with %q: %s, which is not %s", memberNames[member], shown, kind)
	}
	return v, nil
}
