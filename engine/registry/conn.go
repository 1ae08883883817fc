package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinbox/twinbox/engine/internal/database"
)

type conn = database.Conn

// pragmas are set on each connection; see database.Open.
const pragmas = `
PRAGMA busy_timeout = 5000;
PRAGMA foreign_keys = ON;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
`

// openWriter opens the connection that makes, checks and migrates the file.
func openWriter(ctx context.Context, path string) (*conn, error) {
	c, err := database.Open(ctx, path, pragmas)
	if err != nil {
		return nil, err
	}
	if err := prepareFile(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func prepareFile(c *conn) error {
	// Before the first change: the file may be somebody else's.
	version, err := identify(c)
	if err != nil {
		return err
	}
	// The file keeps it, so readers need not ask for it.
	mode, err := c.Text(`PRAGMA journal_mode = WAL`)
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not support SQLite's write-ahead log (journal_mode is %q)", mode)
	}
	return migrate(c, version)
}

func openReader(ctx context.Context, path string) (*conn, error) {
	c, err := database.Open(ctx, path, pragmas)
	if err != nil {
		return nil, err
	}
	// The default cache of 2 MB does not hold the pages of a few thousand busy
	// sessions, and each page that it lacks costs a system call.
	if err := c.Exec(`PRAGMA query_only = ON; PRAGMA cache_size = -8192`); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}
