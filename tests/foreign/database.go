package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// openDB opens "inbound" or "outbound" as containers do: journal mode as it
// is, five seconds of patience, on one connection.
func openDB(dir, name, mode string) (*sql.DB, error) {
	if name != "inbound" && name != "outbound" && name != "engine" { // the registry, to plant faults
		return nil, fmt.Errorf("%q is neither inbound nor outbound nor engine", name)
	}
	path, err := filepath.Abs(filepath.Join(dir, name+".db"))
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "mode=" + mode + "&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// with opens a database, works on it, and closes it.
func with(dir, name, mode string, work func(*sql.DB) error) error {
	db, err := openDB(dir, name, mode)
	if err != nil {
		return err
	}
	if err := work(db); err != nil {
		_ = db.Close()
		return fmt.Errorf("%s.db: %w", name, err)
	}
	return db.Close()
}

// each calls use for every row of a query, with its columns by name.
func each(db *sql.DB, use func(map[string]any) error, query string, args ...any) error {
	rows, err := db.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make(map[string]any, len(names))
		for i, name := range names {
			row[name] = values[i]
		}
		if err := use(row); err != nil {
			return err
		}
	}
	return rows.Err()
}
