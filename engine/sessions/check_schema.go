package sessions

import (
	"slices"

	"github.com/ncruces/go-sqlite3"
)

// The tables of the protocol. Containers may make their own file's later.
var (
	inboundTables  = []string{"messages_in", "delivered", "destinations", "session_routing", "engine_accepted"}
	outboundTables = []string{"messages_out", "processing_ack", "session_state", "container_state"}
)

// schema compares tables and their columns with the model's, and returns the
// tables whose rows can be read.
func (c *inspection) schema(model, db *sqlite3.Conn, name string, tables []string) (readable map[string]bool) {
	readable = map[string]bool{}
	for _, table := range tables {
		kinds, err := schemaKinds(db, table)
		switch {
		case err != nil:
			c.broken(name, restore, "its schema cannot be read: %s", sentence(fault(name, err)))
			return nil
		case len(kinds) == 0 && name == outboundName: // containers make what they need
		case len(kinds) == 0:
			c.found(fixUpgrade, name, "there is no table %s", table)
		case !slices.Equal(kinds, []string{"table"}):
			c.broken(name, restore, "%s is not a table", table)
		default:
			readable[table] = c.columns(model, db, name, table)
		}
	}
	triggers, err := texts(db, `SELECT `+column("name", maxText)+` FROM sqlite_schema WHERE type = 'trigger' LIMIT 10`)
	if err != nil {
		return nil
	}
	for _, t := range triggers {
		c.broken(name, "find out who made it and drop it; the engine does not run it", "it has a trigger %q", clip(t))
	}
	return readable
}

func schemaKinds(db *sqlite3.Conn, name string) (kinds []string, err error) {
	st, _, err := db.Prepare(`SELECT type FROM sqlite_schema WHERE lower(name) = ? AND type IN ('table', 'view')`)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if err := st.BindText(1, name); err != nil {
		return nil, err
	}
	for st.Step() {
		kinds = append(kinds, st.ColumnText(0))
	}
	return kinds, st.Err()
}

func (c *inspection) columns(model, db *sqlite3.Conn, name, table string) bool {
	want, err := columnsOf(model, "main", table)
	if err == nil {
		var have map[string]bool
		if have, err = columnsOf(db, "main", table); err == nil {
			return c.missing(name, table, want, have)
		}
	}
	c.broken(name, restore, "table %s cannot be read: %s", table, sentence(fault(name, err)))
	return false
}

func (c *inspection) missing(name, table string, want, have map[string]bool) bool {
	complete := true
	for column := range want {
		if have[column] {
			continue
		}
		complete = false
		if name == inboundName && addable(table, column) {
			c.found(fixUpgrade, name, "table %s has no column %s", table, column)
		} else {
			c.broken(name, restore, "table %s has no column %s", table, column)
		}
	}
	return complete
}

func addable(table, name string) bool {
	for _, column := range inboundColumns {
		if column.table == table && column.name == name {
			return true
		}
	}
	return false
}
