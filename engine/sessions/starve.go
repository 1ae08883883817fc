package sessions

import (
	"cmp"
	"time"
)

// unreadRow is a message that containers may leave unacknowledged for ever:
// context, and the answer to a question that nobody asks any more.
type unreadRow struct {
	id     string
	seq    int64
	recurs bool
}

// maxLater bounds how many later messages are looked at for one that was
// dealt with.
const maxLater = 4096

// spent ends the unread rows that the container has had its chance to read: it
// has dealt with a later message, some time ago. Left pending, they would
// starve older ones.
func (m *mailbox) spent(r *round, acks *acks, unread []unreadRow, age time.Duration) error {
	if len(unread) == 0 {
		return nil
	}
	first := unread[0].seq
	for _, u := range unread {
		first = min(first, u.seq)
	}
	last, err := m.dealtWith(r, acks, first, cmp.Or(age, time.Nanosecond))
	if err != nil {
		return err
	}
	for _, u := range unread {
		if u.seq < last {
			r.pending--
			r.end(ending{id: u.id, was: "pending", status: "completed", at: r.now, recurs: u.recurs,
				reason: "the container left it unread while it dealt with later messages"})
		}
	}
	return nil
}

// dealtWith returns the seq of the newest message after first that the
// container acknowledged at least age ago, 0 if there is none. Where one is to
// become old enough, r says when.
func (m *mailbox) dealtWith(r *round, acks *acks, first int64, age time.Duration) (int64, error) {
	st, _, err := m.inbound.Prepare(`SELECT seq, ` + column("id", maxText) + ` FROM messages_in
		WHERE seq > ? AND seq <= ? AND kind <> 'system' ORDER BY seq DESC LIMIT ?`)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	if err := bind(st, []any{first, int64(maxSeq), int64(maxLater)}); err != nil {
		return 0, err
	}
	for st.Step() {
		found, err := acks.look(st.ColumnText(1))
		if err != nil {
			return 0, err
		}
		if !found.ended() {
			continue
		}
		old := found.at(r.now).Add(age)
		if !old.After(r.now) {
			return st.ColumnInt64(0), nil
		}
		r.again(old)
	}
	return 0, st.Err()
}
