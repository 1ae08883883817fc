package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
)

// poll prints what a container works on next, as the existing ones find it:
// the newest ten that are due, and of these the ones it has not acknowledged.
func poll(dir string, args []string) error {
	flags := flag.NewFlagSet("poll", flag.ContinueOnError)
	first := flags.Bool("first", false, "the first poll after a start, which also sees on_wake messages")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rows, err := due(dir, *first)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, row := range rows {
		if err := out.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func due(dir string, first bool) (rows []map[string]any, err error) {
	var newest []map[string]any
	err = with(dir, "inbound", "ro", func(db *sql.DB) error {
		return each(db, func(row map[string]any) error { newest = append(newest, row); return nil }, `
			SELECT * FROM messages_in
			WHERE status = 'pending' AND (process_after IS NULL OR datetime(process_after) <= datetime('now'))
			  AND (on_wake = 0 OR ?)
			ORDER BY seq DESC LIMIT 10`, first)
	})
	if err != nil {
		return nil, err
	}
	acknowledged := map[any]bool{}
	err = with(dir, "outbound", "ro", func(db *sql.DB) error {
		return each(db, func(row map[string]any) error { acknowledged[row["message_id"]] = true; return nil },
			`SELECT message_id FROM processing_ack`)
	})
	for _, row := range slices.Backward(newest) {
		if !acknowledged[row["id"]] {
			rows = append(rows, row)
		}
	}
	return rows, err
}

func acknowledge(status string) func(string, []string) error {
	return func(dir string, args []string) error {
		if len(args) != 1 {
			return errors.New("give the id of one message")
		}
		return with(dir, "outbound", "rw", func(db *sql.DB) error {
			_, err := db.Exec(`INSERT OR REPLACE INTO processing_ack VALUES (?, ?, datetime('now'))`, args[0], status)
			return err
		})
	}
}

// reply is insertReply with its arguments as options.
func reply(dir string, args []string) error {
	flags := flag.NewFlagSet("reply", flag.ContinueOnError)
	id := flags.String("id", "", "the reply's id")
	inReplyTo := flags.String("in-reply-to", "", "the message that it answers; its routing is copied")
	kind := flags.String("kind", "chat", "the reply's kind")
	content := flags.String("content", "", "the reply's content")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return insertReply(dir, answer{id: *id, inReplyTo: *inReplyTo, kind: *kind, content: *content})
}

// answer is a reply to be. Without an address, it has that of the message that
// it answers.
type answer struct {
	id, inReplyTo, kind, content string
	channel, platform            *string
}

// insertReply inserts a reply with the next odd number above both files' maximum.
func insertReply(dir string, a answer) error {
	var max int64
	var thread *string
	err := with(dir, "inbound", "ro", func(db *sql.DB) error {
		if err := db.QueryRow(`SELECT COALESCE(MAX(seq), 0) FROM messages_in`).Scan(&max); err != nil || a.inReplyTo == "" || a.channel != nil {
			return err
		}
		return db.QueryRow(`SELECT platform_id, channel_type, thread_id FROM messages_in WHERE id = ?`, a.inReplyTo).
			Scan(&a.platform, &a.channel, &thread)
	})
	if err != nil {
		return err
	}
	return with(dir, "outbound", "rw", func(db *sql.DB) error {
		_, err := db.Exec(`INSERT INTO messages_out
			(id, seq, in_reply_to, timestamp, kind, platform_id, channel_type, thread_id, content)
			SELECT ?, (MAX(COALESCE(MAX(seq), 0), ?) + 1) | 1, NULLIF(?, ''), datetime('now'), ?, ?, ?, ?, ? FROM messages_out`,
			a.id, max, a.inReplyTo, a.kind, a.platform, a.channel, thread, a.content)
		return err
	})
}
