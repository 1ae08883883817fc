package sessions

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// restlessSQL finds what waits: a paused message, a series, and what would wake
// the container. Context alone does not.
const restlessSQL = `SELECT 1 FROM messages_in WHERE status = 'paused' OR recurrence <> '' OR status = 'pending' AND "trigger" <> 0 LIMIT 1`

// Quiet tells whether nothing waits. See engine.Archives.
func (s *Store) Quiet(ctx context.Context, sess engine.Session) (quiet bool, sign time.Time, err error) {
	if _, err := s.settle(ctx, sess); err != nil {
		return false, sign, err
	}
	err = s.read(ctx, sess, func(m *mailbox) error {
		restless, err := queryOne(m.inbound, func(*row) {}, restlessSQL)
		quiet = !restless
		return err
	})
	if err != nil {
		return false, sign, err
	}
	f, err := s.enter(sess)
	if err != nil {
		return false, sign, err
	}
	defer f.close()
	for _, name := range []string{outboundName, heartbeatName} {
		if st, err := f.dir.stat(name); err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
			if at := time.Unix(st.Mtim.Unix()); at.After(sign) {
				sign = at
			}
		}
	}
	return quiet, sign, nil
}
