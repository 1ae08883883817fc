package registry

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// failure gives an error of SQLite the code and the sentence that a client may
// see, and keeps it as the cause. One that has a code passes.
func failure(what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*engine.Error](err); ok {
		return err
	}
	cause := fmt.Errorf("%s: %w", what, err)
	switch {
	case isAny(err, sqlite3.FULL, syscall.ENOSPC, syscall.EDQUOT):
		return engine.Unavailable(cause, "The disk that holds the data directory is full; free some space, then try again.")
	case isAny(err, sqlite3.IOERR, sqlite3.CANTOPEN, sqlite3.READONLY, sqlite3.PERM):
		return engine.Unavailable(cause, "The disk that holds the data directory cannot be read or written; the engine's log says why.")
	case isAny(err, sqlite3.BUSY, sqlite3.LOCKED, sqlite3.PROTOCOL):
		return engine.Unavailable(cause, "The engine's database is in use by another program; try again in a moment.")
	}
	return cause
}

// explain finds out whether an I/O error in dir means that there is no room:
// the driver loses that when it writes a file.
func explain(dir string, err error) error {
	if !isAny(err, sqlite3.IOERR, sqlite3.CANTOPEN) {
		return err
	}
	return errors.Join(err, probe(dir))
}

// probe writes and removes a file that is larger than what SQLite asks for at
// once, and returns the error of that.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 64<<10))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// damaged says what to do about a file that SQLite cannot read.
func damaged(err error) error {
	if isAny(err, sqlite3.CORRUPT, sqlite3.NOTADB) {
		return fmt.Errorf("the file is damaged or is not a database: put a backup in its place: %w", err)
	}
	return err
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// notFound is the error for an id that does not exist, about the input field
// of that name unless "".
func notFound(noun, id, field string) error {
	e := engine.Errorf(engine.CodeNotFound, "there is no %s with this id", noun)
	if engine.SafeID(id) { // anything else could be of any length
		e = engine.Errorf(engine.CodeNotFound, "%s %s does not exist", noun, id)
	}
	if field != "" {
		return e.In(field)
	}
	return e
}

// checkID refuses an id that cannot be a folder's name; see engine.SafeID.
func checkID(id string) error {
	if engine.SafeID(id) {
		return nil
	}
	return engine.InvalidField("id", "an id has 1 to 128 letters, digits, '.', '_' or '-', and does not start with a dot")
}
