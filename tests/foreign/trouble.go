package main

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// hold is a reader that does not let go of its lock.
func hold(dir string, args []string) error {
	return keep(dir, args, "ro", `BEGIN; SELECT COUNT(*) FROM sqlite_schema`)
}

// lock is a writer that lets nobody read.
func lock(dir string, args []string) error { return keep(dir, args, "rw", `BEGIN EXCLUSIVE`) }

func keep(dir string, args []string, mode, begin string) error {
	if len(args) != 1 {
		return errors.New("usage: foreign hold|lock FOLDER inbound|outbound")
	}
	return with(dir, args[0], mode, func(db *sql.DB) error {
		if _, err := db.Exec(begin); err != nil {
			return err
		}
		fmt.Println("held")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	})
}

// killMidWrite makes a transaction so large that SQLite writes part of it into
// the database before its commit: dying now leaves a hot journal.
func killMidWrite(dir string, args []string) error {
	name, table := "outbound", "messages_out"
	if len(args) == 1 && args[0] == "inbound" {
		name, table = "inbound", "messages_in"
	}
	return with(dir, name, "rw", func(db *sql.DB) error {
		if _, err := db.Exec(`PRAGMA cache_size = 10; BEGIN IMMEDIATE`); err != nil {
			return err
		}
		for i := range 2000 {
			_, err := db.Exec(`INSERT INTO `+table+` (id, seq, timestamp, kind, content)
				SELECT ?, (COALESCE(MAX(seq), 0) + 1) | 1, datetime('now'), 'chat', ? FROM `+table,
				fmt.Sprintf("torn-%d", i), strings.Repeat("x", 1000))
			if err != nil {
				return err
			}
		}
		fmt.Println("hot")
		select {}
	})
}

// execute runs whatever SQL: what a container may do to its databases.
func execute(dir string, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: foreign exec FOLDER inbound|outbound SQL")
	}
	return with(dir, args[0], "rw", func(db *sql.DB) error {
		_, err := db.Exec(args[1])
		return err
	})
}
