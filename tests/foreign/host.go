package main

import (
	"database/sql"
	_ "embed"
	"errors"
	"flag"
	"os"
	"path/filepath"
)

// The schemas of another host.
var (
	//go:embed inbound.sql
	inboundSQL string
	//go:embed inbound-old.sql
	inboundOldSQL string
	//go:embed outbound.sql
	outboundSQL string
	//go:embed outbound-old.sql
	outboundOldSQL string
)

func create(dir string, args []string) error {
	flags := flag.NewFlagSet("create", flag.ContinueOnError)
	old := flags.Bool("old", false, "without the newer columns and tables")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "outbox"), 0o755); err != nil {
		return err
	}
	inbound, outbound := inboundSQL, outboundSQL
	if *old {
		inbound, outbound = inboundOldSQL, outboundOldSQL
	}
	make := func(name, schema string) error {
		return with(dir, name, "rwc", func(db *sql.DB) error {
			_, err := db.Exec("PRAGMA journal_mode=DELETE;" + schema)
			return err
		})
	}
	return errors.Join(make("inbound", inbound), make("outbound", outbound))
}

// write inserts with the columns that old hosts know, times as SQLite has them.
func write(dir string, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: foreign write FOLDER ID CONTENT")
	}
	return with(dir, "inbound", "rw", func(db *sql.DB) error {
		_, err := db.Exec(`INSERT INTO messages_in (id, seq, kind, timestamp, status, content)
			SELECT ?, COALESCE(MAX(seq), 0) + 2, 'chat', datetime('now'), 'pending', ? FROM messages_in`, args[0], args[1])
		return err
	})
}
