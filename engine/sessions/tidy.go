package sessions

import (
	"errors"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// hasLeft tells whether a session, or with "" any, awaits being tidied.
func (s *Store) hasLeft(sessionID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sessionID == "" {
		return len(s.left) > 0
	}
	return s.left[sessionID] != nil
}

// tidy removes what a crash left half done in a session, before its next write.
func (s *Store) tidy(sess engine.Session, in *inbox) error {
	s.mu.Lock()
	left := s.left[sess.ID]
	s.mu.Unlock()
	if left == nil {
		return nil
	}
	if err := in.folder.dir.removeAll(destinationsName + newSuffix); err != nil {
		return fault(destinationsName, err)
	}
	for _, l := range left {
		if err := in.removeUnnamed(l.intent); err != nil {
			return fault(inboxName, err)
		}
	}
	s.mu.Lock()
	delete(s.left, sess.ID)
	s.mu.Unlock()
	for _, l := range left {
		l.end()
	}
	return nil
}

// removeUnnamed removes an intent's folder of attachments unless the message
// that it was for names it. The read also rolls back a hot journal.
func (in *inbox) removeUnnamed(i intent) error {
	path := inboxName + "/" + i.Inbox + "/"
	named, err := in.queryRow(func(*sqlite3.Stmt) {}, `SELECT 1 FROM messages_in WHERE id = ? AND instr(content, ?)`, i.Message, path)
	if err != nil || named || i.Inbox == "" {
		return err
	}
	inbox, err := in.folder.dir.sub(inboxName)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil // the container's doing; nothing of ours is behind it
	}
	if err != nil {
		return err
	}
	defer inbox.close()
	return inbox.removeDurably(i.Inbox)
}

// tidyLeft looks after the sessions that a crash left in the middle of
// something, without waiting for their next use: a hot journal keeps their
// container from reading. They are as many as there were writers.
func (s *Store) tidyLeft() {
	s.mu.Lock()
	var left []leftover
	for _, l := range s.left {
		left = append(left, l[0])
	}
	s.mu.Unlock()
	for _, l := range left {
		sess := engine.Session{ID: l.Session, AgentGroupID: l.AgentGroup}
		if err := s.do(s.ctx, sess, func(*inbox) error { return nil }); err != nil {
			s.log.Error("tidy a session that a crash left half written", "session", l.Session, "error", err)
		}
	}
}
