package hooks

import (
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
	members := make(map[string]json.RawMessage, 4)
	err := checkObject(text, func(key, value []byte) error {
		var name string
		if err := json.Unmarshal(key, &name); err != nil {
			return faultf("it answered with a name that is not JSON: %v", err)
		}
		switch name {
		case "action", "reason", "content", "labels", "bytes", "name", "mimeType":
			if _, twice := members[name]; twice {
				return faultf("it answered with %q twice", name)
			}
			members[name] = value
		}
		return nil
	})
	if err != nil {
		return verdict{}, err
	}
	action, err := memberOf[string](members, "action")
	switch {
	case err != nil:
		return verdict{}, err
	case action == nil:
		return verdict{}, faultf("it answered without \"action\", which is one of %s", strings.Join(allowed(p), ", "))
	case !slices.Contains(allowed(p), *action):
		return verdict{}, faultf("it answered with the action %q; at this point there are %s", *action, strings.Join(allowed(p), ", "))
	}
	if len(bytes) > 0 && *action != "replace" {
		return verdict{}, faultf("it answered with the action %q and %d bytes, which only \"replace\" takes", *action, len(bytes))
	}
	switch *action {
	case "drop":
		return verdict{action: engine.HookDropped}, nil
	case "remove":
		return verdict{action: engine.HookRemoved}, nil
	case "reject":
		reason, err := memberOf[string](members, "reason")
		if err != nil {
			return verdict{}, err
		}
		a := verdict{action: engine.HookRejected}
		if reason != nil {
			a.reason = tame(*reason, maxReasonBytes)
		}
		return a, nil
	case "replace":
		a := verdict{action: engine.HookReplaced}
		a.replace, err = parseReplacement(p, members, bytes)
		return a, err
	}
	return verdict{action: engine.HookPassed}, nil
}

func parseReplacement(p engine.HookPoint, members map[string]json.RawMessage, bytes []byte) (r engine.HookAnswer, err error) {
	switch p {
	case engine.HookOnAttachment:
		return parseAttachment(members, bytes)
	case engine.HookOnSession:
		labels, err := memberOf[[]*string](members, "labels")
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
	r.Content = members["content"]
	if len(r.Content) == 0 || !strings.ContainsRune(`{["`, rune(r.Content[0])) {
		return r, faultf("it answered with \"replace\" without \"content\": an object, a list or a text")
	}
	return r, nil
}

func parseAttachment(members map[string]json.RawMessage, bytes []byte) (r engine.HookAnswer, err error) {
	which, err := memberOf[string](members, "bytes")
	if err != nil {
		return r, err
	}
	switch {
	case which == nil || *which != "keep" && *which != "replace":
		return r, faultf("it answered with \"replace\" without \"bytes\": \"keep\", or \"replace\" for those after the JSON")
	case *which == "keep" && len(bytes) > 0:
		return r, faultf("it answered with %d bytes after the JSON, but says \"bytes\":\"keep\"", len(bytes))
	}
	r.ReplaceBytes, r.Bytes = *which == "replace", bytes
	if r.Name, err = memberOf[string](members, "name"); err != nil {
		return r, err
	}
	r.MimeType, err = memberOf[string](members, "mimeType")
	return r, err
}

// memberOf decodes a member of an answer; nil is none, or null.
func memberOf[T any](members map[string]json.RawMessage, name string) (*T, error) {
	raw, ok := members[name]
	if !ok {
		return nil, nil
	}
	var v *T
	if err := json.Unmarshal(raw, &v); err != nil {
		kind := "a text"
		if name == "labels" {
			kind = "a list of texts"
		}
		shown := raw[:min(len(raw), 40)]
		for !utf8.Valid(shown) {
			shown = shown[:len(shown)-1]
		}
		return nil, faultf("it answered with %q: %s, which is not %s", name, shown, kind)
	}
	return v, nil
}
