package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"strings"
)

func rows(dir string, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: foreign rows FOLDER inbound|outbound TABLE")
	}
	out := json.NewEncoder(os.Stdout)
	return with(dir, args[0], "ro", func(db *sql.DB) error {
		return each(db, func(row map[string]any) error { return out.Encode(row) },
			`SELECT * FROM "`+strings.ReplaceAll(args[1], `"`, `""`)+`" ORDER BY rowid`)
	})
}

type report struct {
	Integrity   string `json:"integrity"`
	JournalMode string `json:"journalMode"`
	Rows        int    `json:"rows"`
	WrongParity int    `json:"wrongParity"`
	Duplicates  int    `json:"duplicates"`
}

func check(dir string, _ []string) error {
	inspect := func(name, table string, parity int) (r report, err error) {
		err = with(dir, name, "ro", func(db *sql.DB) error {
			if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&r.Integrity); err != nil {
				return err
			}
			if err := db.QueryRow(`PRAGMA journal_mode`).Scan(&r.JournalMode); err != nil {
				return err
			}
			// The unary plus keeps the index out of it: a damaged one must not hide a row.
			return db.QueryRow(`SELECT COUNT(*), COUNT(*) FILTER (WHERE seq % 2 IS NOT ?), COUNT(seq) - COUNT(DISTINCT +seq) FROM `+table, parity).
				Scan(&r.Rows, &r.WrongParity, &r.Duplicates)
		})
		return r, err
	}
	inbound, err := inspect("inbound", "messages_in", 0)
	if err != nil {
		return err
	}
	outbound, err := inspect("outbound", "messages_out", 1)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]report{"inbound": inbound, "outbound": outbound})
}
