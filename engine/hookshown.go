package engine

import (
	"strings"
	"sync/atomic"
)

// shownSession is what hooks see of a session. It is kept with the session's
// row, and may be used concurrently.
type shownSession struct {
	// text is HookSession's JSON.
	text string
	// end is how the input for its first message ended: that for most others
	// ends in the same way.
	end atomic.Pointer[shownEnd]
}

// shownEnd is the end of the input for messages that have these values, and are
// of no other session.
type shownEnd struct {
	route   Route
	trigger bool
	text    string
}

// WithShown returns s with what hooks are shown of it, which is made with each
// of its messages otherwise: for who keeps s, and hands it out often.
func (s Session) WithShown() Session {
	s.shown = &shownSession{text: s.shownToHooks()}
	return s
}

// shownToHooks is HookSession's JSON.
func (s *Session) shownToHooks() string {
	if s.shown != nil {
		return s.shown.text
	}
	shown := hookSession(s)
	return string(shown.append(make([]byte, 0, 256)))
}

// shownEnd is what appendEnd makes for d, if it is known; "" if not.
func (s *Session) shownEnd(d *Draft) string {
	if s.shown == nil || d.SourceSessionID != nil {
		return ""
	}
	end := s.shown.end.Load()
	if end == nil {
		end = &shownEnd{d.Route.clone(), d.Trigger, string(d.appendEnd(nil, s.shown.text))}
		s.shown.end.CompareAndSwap(nil, end)
	}
	if end.trigger != d.Trigger || !end.route.equal(&d.Route) {
		return ""
	}
	return end.text
}

// appendEnd appends what comes after appendOwn's members, with the session as
// it is shown.
func (d *Draft) appendEnd(b []byte, session string) []byte {
	return append(append(append(d.appendRest(b), `},"session":`...), session...), '}')
}

func (r *Route) equal(other *Route) bool {
	return same(r.PlatformID, other.PlatformID) && same(r.ChannelType, other.ChannelType) && same(r.ThreadID, other.ThreadID)
}

// clone has nothing of r's memory, which may be a large request's.
func (r *Route) clone() Route {
	return Route{PlatformID: cloneText(r.PlatformID), ChannelType: cloneText(r.ChannelType), ThreadID: cloneText(r.ThreadID)}
}

func cloneText(s *string) *string {
	if s == nil {
		return nil
	}
	return new(strings.Clone(*s))
}
