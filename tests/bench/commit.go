package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ncruces/go-sqlite3"
)

// commits measures commits of so many rows on connections that stay open, as
// many at the same time as there are callers.
func (d disk) commits(synchronous string, callers, each, rows int) side {
	return func(context.Context, int) (sample, error) {
		base, err := d.folder()
		if err != nil {
			return sample{}, err
		}
		mailboxes := make([]*mailbox, callers)
		for i := range mailboxes {
			if mailboxes[i], err = d.openMailbox(filepath.Join(base, strconv.Itoa(i)), synchronous); err != nil {
				return sample{}, err
			}
			defer mailboxes[i].close()
		}
		s, err := measure(callers, each, func(caller, _ int) error { return mailboxes[caller].commit(rows) })
		s.PerSecond *= float64(rows)
		return s, err
	}
}

// mailbox is a new inbound.db with a connection that stays open.
type mailbox struct {
	db     *sqlite3.Conn
	insert *sqlite3.Stmt
	seq    int64
}

func (d disk) openMailbox(folder, synchronous string) (*mailbox, error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	empty, err := os.ReadFile(filepath.Join(d.session, "inbound.db"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "inbound.db")
	if err := os.WriteFile(path, empty, 0o600); err != nil {
		return nil, err
	}
	m := &mailbox{}
	if m.db, err = sqlite3.Open(path); err != nil {
		return nil, err
	}
	if err := m.db.Exec("PRAGMA journal_mode=DELETE; PRAGMA synchronous=" + synchronous); err != nil {
		return nil, err
	}
	m.insert, _, err = m.db.Prepare(`INSERT INTO messages_in (id, seq, kind, timestamp, status, content, series_id)
		VALUES (?1, ?2, 'chat', '2026-01-01T00:00:00.000Z', 'pending', ?3, ?1)`)
	return m, err
}

func (m *mailbox) commit(rows int) error {
	if err := m.db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for range rows {
		m.seq += 2
		err := errors.Join(m.insert.BindText(1, fmt.Sprintf("m%d", m.seq)), m.insert.BindInt64(2, m.seq),
			m.insert.BindText(3, chatText), m.insert.Exec())
		if err != nil {
			return err
		}
	}
	return m.db.Exec("COMMIT")
}

func (m *mailbox) close() { _ = errors.Join(m.insert.Close(), m.db.Close()) }
