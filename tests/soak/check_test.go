package soak_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // another SQLite than the engine's
)

// folder is what a session's two databases hold.
type folder struct {
	*session
	messages  []message
	replies   []reply
	delivered map[string]settled
}

type message struct {
	id, kind, status, content string
	trigger                   bool
	channel, series           string
}

type reply struct{ id, inReplyTo, channel, content string }

type settled struct{ status, platformID string }

func (w *world) read(s *session) (*folder, error) {
	f := &folder{session: s, delivered: map[string]settled{}}
	err := query(s.folder, "inbound", `SELECT id, kind, status, content, "trigger", ifnull(channel_type, ''), ifnull(series_id, '') FROM messages_in ORDER BY seq`, func(r *sql.Rows) error {
		var m message
		f.messages = append(f.messages, m)
		at := &f.messages[len(f.messages)-1]
		return r.Scan(&at.id, &at.kind, &at.status, &at.content, &at.trigger, &at.channel, &at.series)
	})
	if err == nil {
		err = query(s.folder, "inbound", `SELECT message_out_id, status, ifnull(platform_message_id, '') FROM delivered`, func(r *sql.Rows) error {
			var id string
			var d settled
			err := r.Scan(&id, &d.status, &d.platformID)
			f.delivered[id] = d
			return err
		})
	}
	if err == nil {
		err = query(s.folder, "outbound", `SELECT id, ifnull(in_reply_to, ''), ifnull(channel_type, ''), content FROM messages_out ORDER BY seq`, func(r *sql.Rows) error {
			var o reply
			err := r.Scan(&o.id, &o.inReplyTo, &o.channel, &o.content)
			f.replies = append(f.replies, o)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.folder, err)
	}
	return f, nil
}

func query(dir, name, statement string, row func(*sql.Rows) error) error {
	u := url.URL{Scheme: "file", Path: filepath.Join(dir, name+".db"), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// open is what is left in between: messages that somebody is still to answer,
// and replies on their way.
func (f *folder) open() (left []string) {
	for _, m := range f.messages {
		if m.trigger && (m.status == "pending" || m.status == "paused") {
			left = append(left, fmt.Sprintf("message %s of %s (%s) is %s", m.id, f.id, f.group, m.status))
		}
	}
	for _, r := range f.replies {
		if _, ok := f.delivered[r.id]; !ok {
			left = append(left, fmt.Sprintf("reply %s of %s (%s) is not settled", r.id, f.id, f.group))
		}
	}
	return left
}

// drain waits until nothing is left in between.
func (w *world) drain() {
	var left []string
	for deadline := time.Now().Add(6 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		left = nil
		for _, s := range w.sessions {
			f, err := w.read(s)
			if err != nil {
				left = append(left, err.Error())
				continue
			}
			left = append(left, f.open()...)
		}
		w.note("%d things are open", len(left))
		if len(left) == 0 {
			return
		}
	}
	w.t.Errorf("these are left in between:\n%s", strings.Join(left, "\n"))
}

// check holds what is in the folders, and what arrived, against what was
// acknowledged.
func (w *world) check() {
	folders, arrived := map[string]*folder{}, map[string]int{} // messages of agents, by id
	for _, s := range w.sessions {
		f, err := w.read(s)
		must(w.t, err)
		folders[s.id] = f
		for _, m := range f.messages {
			if m.channel == "agent" {
				arrived[m.id]++
			}
		}
	}
	w.checkLedger(folders)
	counts := map[string]int{}
	for _, f := range folders {
		w.checkAnswers(f, counts)
		w.checkReplies(f, counts, arrived)
	}
	w.checkOrder(folders)
	w.t.Logf("%d ends of engines; %v", w.engines.ends, counts)
	w.note("%v", counts)
}

// checkLedger: what was acknowledged is there once, with its file, and what
// was refused is not.
func (w *world) checkLedger(folders map[string]*folder) {
	known := map[string]bool{}
	acknowledged := 0
	for _, m := range w.ledger.all {
		known[m.token] = true
		var found []message
		for _, row := range folders[m.session.id].messages {
			if !m.series && strings.Contains(row.content, m.token+" ") && row.channel != "agent" || m.series && row.id == m.id {
				found = append(found, row)
			}
		}
		switch {
		case m.acknowledged && (len(found) != 1 || found[0].id != m.id):
			w.t.Errorf("%s of %s was acknowledged as %s, and is there as %+v", m.token, m.session.id, m.id, found)
			continue
		case m.refused && len(found) != 0:
			w.t.Errorf("%s of %s was refused, and is there as %+v", m.token, m.session.id, found)
		case len(found) > 1:
			w.t.Errorf("%s of %s is there %d times", m.token, m.session.id, len(found))
		}
		if !m.acknowledged {
			continue
		}
		acknowledged++
		if m.wish == wishRedact && strings.Contains(found[0].content, wishRedact) || m.wish == wishTrip && !strings.Contains(found[0].content, wishTrip) {
			w.t.Errorf("hooks made %s of %s", found[0].content, m.token)
		}
		w.checkFile(m, found[0])
	}
	for _, f := range folders {
		for _, m := range f.messages {
			token, _, _ := strings.Cut(text(m.content), " ")
			if m.kind == "chat" && m.channel != "agent" && !known[token] {
				w.t.Errorf("nobody sent %s of %s: %s", m.id, f.id, m.content)
			}
		}
	}
	w.t.Logf("%d messages sent, %d acknowledged", len(w.ledger.all), acknowledged)
}

func text(content string) string {
	var c struct{ Text string }
	_ = json.Unmarshal([]byte(content), &c)
	return c.Text
}

func (w *world) checkFile(m *sent, row message) {
	if m.file == "" {
		return
	}
	var c struct{ Attachments []struct{ LocalPath string } }
	if err := json.Unmarshal([]byte(row.content), &c); err != nil || len(c.Attachments) != 1 {
		w.t.Errorf("the attachment of %s is lost: %s", m.token, row.content)
		return
	}
	b, err := os.ReadFile(filepath.Join(m.session.folder, filepath.FromSlash(c.Attachments[0].LocalPath)))
	if err != nil || string(b) != m.file {
		w.t.Errorf("the attachment of %s is %q: %v", m.token, b, err)
	}
}

// checkAnswers: each message has one answer, or a reason that can be seen.
func (w *world) checkAnswers(f *folder, counts map[string]int) {
	problems := w.problems(f)
	answers := map[string]int{}
	for _, r := range f.replies {
		if r.inReplyTo != "" {
			answers[r.inReplyTo]++
		}
	}
	for _, m := range f.messages {
		n := answers[m.id]
		told := fmt.Sprintf("message %s of %s (%s): %s with %d answers: %s", m.id, f.id, f.group, m.status, n, m.content)
		switch {
		case !m.trigger || m.kind == "system":
			counts["context"]++
			if n > 0 {
				w.t.Error(told)
			}
		case m.status == "cancelled" && m.series != m.id && n == 0, m.status == "cancelled" && m.kind == "task" && n == 0:
			counts["cancelled"]++
		case m.status == "failed" && strings.Contains(text(m.content), wishFail) && n == 0:
			counts["failed by the agent"]++
		case m.status == "failed" && problems[m.id] != "" && n <= 1:
			counts["failed by the engine"]++
			w.note("failed %s: %s", m.id, problems[m.id])
		case m.status == "completed" && m.channel == "agent" && f.group == groupForeign && n == 0:
			counts["answers from agents"]++
		case m.status == "completed" && n == 1 && !strings.Contains(text(m.content), wishFail):
			counts["answered"]++
		default:
			w.t.Error(told)
		}
	}
}

// problems are the reasons of a session's failed messages.
func (w *world) problems(f *folder) map[string]string {
	all := map[string]string{}
	if !slices.ContainsFunc(f.messages, func(m message) bool { return m.status == "failed" }) {
		return all
	}
	var out struct {
		Session struct {
			Messages struct {
				Nodes []struct {
					MessageID string
					Problem   *string
				}
			}
		}
	}
	w.engines.mustQuery(`query($s: ID!) { session(id: $s) { messages(last: 100, status: [FAILED]) { nodes { messageId problem } } } }`, map[string]any{"s": f.id}, &out)
	for _, m := range out.Session.Messages.Nodes {
		if m.Problem != nil {
			all[m.MessageID] = *m.Problem
		}
	}
	return all
}

// checkReplies: each reply arrived where it was for, or failed with a reason.
func (w *world) checkReplies(f *folder, counts map[string]int, arrived map[string]int) {
	for _, r := range f.replies {
		d := f.delivered[r.id]
		told := fmt.Sprintf("reply %s of %s (%s, %s) is %s: %s", r.id, f.id, f.group, f.channel, d.status, r.content)
		switch {
		case d.status == "failed":
			counts["replies failed"]++
			if reason := w.reason(f, r); !strings.Contains(r.content, wishUnspoken) && !strings.Contains(r.content, wishUnwanted) || reason == "" {
				w.t.Errorf("%s: %q", told, reason)
			}
		case d.status != "delivered":
			w.t.Error(told)
		case r.channel == "agent":
			counts["replies to agents"]++
			if arrived[d.platformID] != 1 {
				w.t.Errorf("%s; it arrived %d times", told, arrived[d.platformID])
			}
		case !w.arrived(f, r):
			w.t.Errorf("%s, and did not arrive", told)
		default:
			counts["replies "+f.channel]++
		}
	}
}

func (w *world) reason(f *folder, r reply) string {
	var out struct {
		Reply struct {
			Delivery struct{ LastError *string }
		}
	}
	w.engines.mustQuery(`query($s: ID!, $r: String!) { reply(sessionId: $s, replyId: $r) { delivery { lastError } } }`, map[string]any{"s": f.id, "r": r.id}, &out)
	if out.Reply.Delivery.LastError == nil {
		return ""
	}
	return *out.Reply.Delivery.LastError
}

// arrived tells whether somebody took a reply.
func (w *world) arrived(f *folder, r reply) bool {
	return slices.ContainsFunc(w.arrivals(f.session), func(a arrival) bool { return a.replyID == r.id })
}

func (w *world) arrivals(s *session) []arrival {
	if s.channel == channelPushed {
		w.receiver.mu.Lock()
		defer w.receiver.mu.Unlock()
		return w.receiver.order[s.id]
	}
	w.puller.mu.Lock()
	defer w.puller.mu.Unlock()
	return w.puller.order[s.id]
}

// checkOrder: what arrived of a session arrived in its order.
func (w *world) checkOrder(folders map[string]*folder) {
	for _, f := range folders {
		last := arrival{}
		for _, a := range w.arrivals(f.session) {
			if a.seq <= last.seq {
				w.t.Errorf("%s: reply %s with seq %d arrived after %s with seq %d", f.id, a.replyID, a.seq, last.replyID, last.seq)
			}
			last = a
		}
	}
}
