package sessions

import (
	"time"

	"github.com/twinbox/twinbox/engine"
)

// keptPulse is what was read of a mailbox. A container that runs without
// anything to do is looked at again and again, and its mailbox is as it was.
type keptPulse struct {
	files boxStamp
	at    time.Time // by the store's clock
	pulse engine.Pulse
}

// boxStamp changes whenever one of a session's databases does.
type boxStamp struct{ inbound, outbound fileStamp }

const keptPulses = 1024

// holds tells whether what was read is what would be read now.
func (k keptPulse) holds(files boxStamp, now time.Time) bool {
	return k.files == files && !now.Before(k.at) && (k.pulse.Next == nil || now.Before(*k.pulse.Next))
}

// boxStamp is of now. It is settled if a later version has another.
func (s *Store) boxStamp(sess engine.Session) (b boxStamp, isSettled bool) {
	f, err := s.enter(sess)
	if err != nil {
		return b, false
	}
	defer f.close()
	isSettled = true
	for name, stamp := range map[string]*fileStamp{inboundName: &b.inbound, outboundName: &b.outbound} {
		st, err := f.dir.stat(name)
		*stamp = stampOf(st)
		isSettled = isSettled && err == nil && time.Since(time.Unix(0, stamp.mtime)).Abs() > settled
	}
	return b, isSettled
}
