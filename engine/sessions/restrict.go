package sessions

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// restrict keeps what a container wrote into a schema (checks, defaults,
// indexes on expressions) from running for hours when rows are written: an
// interrupt falls between two steps of a statement, never into a function.
// Readers compute nothing of a schema: see configure and checkTables.
func restrict(c *sqlite3.Conn) error {
	for _, name := range strings.Fields(costlyFunctions) {
		if err := c.CreateFunction(name, -1, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS, refuseFunction); err != nil {
			return err
		}
	}
	// SQLite's own takes time that grows with the product of its arguments.
	if err := c.CreateFunction("instr", 2, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS, instr); err != nil {
		return err
	}
	// Checks are the container's business; what is written is checked already.
	return c.Exec("PRAGMA ignore_check_constraints = ON")
}

// costlyFunctions take more than linear time, or make much of little. No
// statement of ours calls them.
const costlyFunctions = `glob like regexp regexpi replace trim ltrim rtrim unhex hex quote unistr_quote printf format
	concat concat_ws zeroblob randomblob json_patch jsonb_patch json_set jsonb_set json_insert jsonb_insert
	json_replace jsonb_replace json_remove jsonb_remove json_array_insert jsonb_array_insert json_pretty
	decimal decimal_add decimal_sub decimal_mul decimal_cmp decimal_exp decimal_pow2 base64`

var errCostly = errors.New("the database's schema calls a function that could take for ever")

func refuseFunction(ctx sqlite3.Context, _ ...sqlite3.Value) { ctx.ResultError(errCostly) }

func instr(ctx sqlite3.Context, args ...sqlite3.Value) {
	if args[0].Type() == sqlite3.NULL || args[1].Type() == sqlite3.NULL {
		ctx.ResultNull()
		return
	}
	ctx.ResultInt(strings.Index(args[0].Text(), args[1].Text()) + 1)
}

const protocolTables = " messages_in delivered destinations session_routing messages_out processing_ack session_state container_state "

var errGenerated = errors.New("a table of the protocol is virtual or has generated columns")

// checkTables refuses tables of the protocol that compute what they hold:
// chained, a few generated columns make gigabytes of one letter. database is
// "main" or "box".
func checkTables(c *sqlite3.Conn, database string) error {
	st, _, err := c.Prepare("SELECT name, rootpage, sql FROM " + database + ".sqlite_schema WHERE type = 'table'")
	if err != nil {
		return err
	}
	defer st.Close()
	for st.Step() {
		name := strings.ToLower(st.ColumnText(0))
		if !strings.Contains(protocolTables, " "+name+" ") && !strings.HasPrefix(name, "engine_") {
			continue
		}
		if st.ColumnInt64(1) == 0 {
			return errGenerated
		}
		if !hasWordAs(st.ColumnRawText(2)) {
			continue
		}
		generated, err := queryOne(c, func(*row) {}, "SELECT 1 FROM pragma_table_xinfo(?, ?) WHERE hidden > 0", name, database)
		if err != nil {
			return err
		}
		if generated {
			return errGenerated
		}
	}
	return st.Err()
}

// hasWordAs tells whether a table may have generated columns, which cannot be
// declared without AS. Most have none, and to ask SQLite takes longer.
func hasWordAs(sql []byte) bool {
	word := func(i int) bool {
		if i < 0 || i >= len(sql) {
			return false
		}
		c := sql[i]
		return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
	for i := range len(sql) - 1 {
		if sql[i]|0x20 == 'a' && sql[i+1]|0x20 == 's' && !word(i-1) && !word(i+2) {
			return true
		}
	}
	return false
}

// recoverPanic, deferred, makes an error of a panic. SQLite is translated code
// that runs on a stranger's file: a trap in it is that session's trouble alone.
func (s *Store) recoverPanic(sess engine.Session, name string, err *error) {
	if p := recover(); p != nil {
		s.log.Error("panic in a session's database", "session", sess.ID, "panic", p, "stack", string(debug.Stack()))
		*err = fault(name, fmt.Errorf("panic: %v", p))
	}
}
