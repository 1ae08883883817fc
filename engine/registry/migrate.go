package registry

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// applicationID marks a file as a registry of ours ("TwBx").
const applicationID = 0x54774278

// Migration number n, in the order of names, makes version n out of n-1. One
// that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// identify returns the version of a registry's schema, 0 for an empty file.
func identify(c *conn) (version int, err error) {
	id, err := c.Number(`PRAGMA application_id`)
	if err != nil {
		return 0, err
	}
	v, err := c.Number(`PRAGMA user_version`)
	if err != nil {
		return 0, err
	}
	tables, err := c.Number(`SELECT count(*) FROM sqlite_schema`)
	if err != nil {
		return 0, err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	switch {
	case err != nil:
		return 0, err
	case id == 0 && v == 0 && tables == 0:
		return 0, nil
	case id != applicationID:
		return 0, errors.New("this is a database of another program, not the engine's")
	case v > int64(len(names)):
		return 0, fmt.Errorf("a newer version of the engine has written it (its schema is %d, this engine knows up to %d): use that version", v, len(names))
	}
	return int(v), nil
}

// migrate brings the schema from a version to the newest, all or nothing.
func migrate(c *conn, version int) (err error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || version == len(names) {
		return err
	}
	txn, err := c.BeginImmediate()
	if err != nil {
		return err
	}
	defer txn.End(&err)
	for _, name := range names[version:] {
		sql, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if err := c.Exec(string(sql)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return c.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(names)))
}
