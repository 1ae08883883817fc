package sessions

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// maxClaims bounds the claims that are looked at: a container works on ten
// messages at one time.
const maxClaims = 256

// Pulse reads what a session has to do and how its container is. See
// engine.Pulses.
func (s *Store) Pulse(ctx context.Context, sess engine.Session) (p engine.Pulse, err error) {
	now, sound := s.opts.Now(), false
	files, isSettled := s.boxStamp(sess) // before it is read
	kept, found := s.pulses.Get(sess.ID)
	if found = found && isSettled && kept.holds(files, now); found {
		p = kept.pulse
	} else {
		err = s.read(ctx, sess, func(m *mailbox) (err error) {
			p = engine.Pulse{}
			if sound, err = m.waiting(&p, now); err == nil {
				sound = m.working(&p) == nil && sound
			}
			return err
		})
	}
	if err == nil && sound && isSettled {
		s.pulses.Add(sess.ID, keptPulse{files, now, p})
	}
	if err == nil {
		p.Heartbeat, err = s.heartbeat(sess)
	}
	return p, err
}

// Expect has a session watched. See engine.Pulses.
func (s *Store) Expect(sess engine.Session) { s.watcher.watch(sess) }

// waiting finds which messages wait for the container. Where outbound.db
// cannot be read, nothing is acknowledged: a container that is woken in vain
// does less harm than one that never is. It is sound if all could be read.
func (m *mailbox) waiting(p *engine.Pulse, now time.Time) (sound bool, err error) {
	acks := m.acks()
	defer acks.close()
	st, _, err := m.inbound.Prepare(`SELECT ` + column("id", maxText) + `, ` + column("process_after", maxText) + `, "trigger", process_after IS NULL, recurrence <> ''
		FROM messages_in WHERE status = 'pending'`)
	if err != nil {
		return false, err
	}
	defer st.Close()
	for sound = acks.err == nil; !p.Due && st.Step(); {
		r := &row{st: st}
		status, err := acks.of(st.ColumnText(0))
		if err != nil {
			status, sound = "", false
		}
		if status == "completed" || status == "failed" {
			// The next occurrence is not written yet.
			p.Pending = p.Pending || r.integer(4, "recurrence", 0) != 0
			continue
		}
		p.Pending = true
		if status != "" || r.integer(2, "trigger", 1) == 0 {
			continue
		}
		// A time that cannot be read is due now (protocol: "Time").
		after := r.time(1, "process_after")
		switch {
		case after == nil || !after.After(now):
			p.Due, p.Next = true, nil
		case p.Next == nil || after.Before(*p.Next):
			p.Next = after
		}
	}
	if err := st.Err(); err != nil || p.Pending {
		return sound, err
	}
	p.Pending, err = m.resting()
	return sound, err
}

// working finds what the container says of itself. What it wrote so that it
// cannot be read, it did not say; the error is only told.
func (m *mailbox) working(p *engine.Pulse) error {
	if m.outboundErr != nil {
		return m.outboundErr
	}
	if has, err := hasTable(m.outbound, "processing_ack"); err != nil || !has {
		return err
	}
	st, _, err := m.outbound.Prepare(`SELECT ` + column("status_changed", maxText) + ` FROM processing_ack WHERE status = 'processing' LIMIT ?`)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.BindInt64(1, maxClaims); err != nil {
		return err
	}
	for st.Step() {
		claimed := (&row{st: st}).time(0, "status_changed")
		if claimed == nil {
			claimed = new(time.Unix(1<<40, 0).UTC()) // no time counts as the future: now
		}
		p.Claims = append(p.Claims, *claimed)
	}
	failed := st.Err()
	if has, err := hasTable(m.outbound, "container_state"); err != nil || !has {
		return errors.Join(failed, err)
	}
	_, err = queryOne(m.outbound, func(r *row) {
		p.ToolTimeout = time.Duration(min(max(r.integer(0, "tool_declared_timeout_ms", 0), 0), maxToolMillis)) * time.Millisecond
	}, `SELECT tool_declared_timeout_ms FROM container_state WHERE id = 1 AND current_tool IS NOT NULL`)
	return errors.Join(failed, err)
}

// maxToolMillis keeps a declared timeout within what a duration can hold.
const maxToolMillis = int64(365 * 24 * time.Hour / time.Millisecond)

// heartbeat is when the heartbeat file was last touched, as it says; nil if
// there is no such regular file.
func (s *Store) heartbeat(sess engine.Session) (*time.Time, error) {
	f, err := s.enter(sess)
	if err != nil {
		return nil, err
	}
	defer f.close()
	st, err := f.dir.stat(heartbeatName)
	if errors.Is(err, unix.ENOENT) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, nil
	}
	if err != nil {
		return nil, fault(heartbeatName, err)
	}
	t := time.Unix(st.Mtim.Unix()).UTC()
	return &t, nil
}
