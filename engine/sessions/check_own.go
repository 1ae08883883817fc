package sessions

import (
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// ownSchemas make the engine's tables that few sessions have.
var ownSchemas = []struct{ table, schema string }{
	{"engine_series", seriesSchema}, {"engine_reason", reasonSchema}, {"engine_given", givenSchema}, {"engine_tried", triedSchema},
	{"engine_retry", retrySchema}, {"engine_pruned", prunedSchema}, {"engine_usage", usageSchema},
	{"engine_outbox", outboxSchema}, {"engine_outbox_mark", markSchema},
}

// aboutMessages are those whose rows are about a message each.
var aboutMessages = []string{"engine_series", "engine_reason", "engine_given", "engine_tried", "engine_retry"}

const askOwn = "correct it by hand, with the engine and the container stopped, or drop the table"

// own looks at the engine's tables that few sessions have.
func (c *inspection) own(model, in *sqlite3.Conn) {
	readable := map[string]bool{}
	for _, t := range ownSchemas {
		kinds, err := schemaKinds(in, t.table)
		if err != nil || len(kinds) == 0 {
			continue
		}
		if len(kinds) != 1 || kinds[0] != "table" {
			c.broken(inboundName, askOwn, "%s is not a table", t.table)
			continue
		}
		if err := model.Exec(strings.Replace(t.schema, "box.", "", 1)); err != nil {
			c.broken(".", "try again", "%s", sentence(fault("the check", err)))
			return
		}
		readable[t.table] = c.columns(model, in, inboundName, t.table)
	}
	for _, table := range aboutMessages {
		if readable[table] {
			c.orphans(in, table)
		}
	}
	for table, look := range map[string]func(*sqlite3.Conn){"engine_series": c.series, "engine_given": c.given, "engine_retry": c.retries, "engine_pruned": c.prunedTimes,
		"engine_usage": c.usage, "engine_outbox": c.outbox, "engine_outbox_mark": c.outboxMark} {
		if readable[table] {
			look(in)
		}
	}
}

func (c *inspection) ownRows(in *sqlite3.Conn, table, columns, where string, look func(r *row, wrong func(string, ...any))) {
	c.rows(in, inboundName, "SELECT "+columns+" FROM "+table+where, func(r *row) {
		look(r, func(format string, args ...any) {
			c.broken(inboundName, askOwn, "table %s, %q: %s", table, clip(r.or(0)), fmt.Sprintf(format, args...))
		})
	})
}

const orphan = ` WHERE message_id NOT IN (SELECT id FROM messages_in WHERE id IS NOT NULL)`

// orphans are rows about messages that somebody removed.
func (c *inspection) orphans(in *sqlite3.Conn, table string) {
	n := int64(0)
	c.rows(in, inboundName, "SELECT count(*) FROM "+table+orphan, func(r *row) { n = r.st.ColumnInt64(0) })
	if n > 0 {
		c.found(fixOwn, inboundName, "%d rows of %s are about messages that are not there", n, table)
	}
}

func mendOwn(in *inbox) error {
	for _, table := range aboutMessages {
		has, err := in.hasTable(table)
		if err == nil && has {
			err = in.exec("DELETE FROM " + table + orphan)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// given looks whether what senders of series gave can still be read.
func (c *inspection) given(in *sqlite3.Conn) {
	if _, err := c.store.data.stat(givenKeyName); err != nil {
		c.broken(inboundName, "put a backup of "+givenKeyName+" into the data directory; until then hooks see what they made of it",
			"what senders of series gave cannot be read: its key is missing")
		return
	}
	c.ownRows(in, "engine_given g JOIN messages_in m ON m.id = g.message_id", column("g.message_id", maxText)+", "+column("m.series_id", maxText)+", "+column("g.content", maxValueBytes/2), "",
		func(r *row, wrong func(string, ...any)) {
			of := &run{Message: engine.Message{ID: r.or(0), SeriesID: r.text(1)}, given: r.st.ColumnBlob(2, nil)}
			if _, ok := c.store.given.open(c.store, c.session, of); !ok {
				wrong("it was changed, or was sealed with another key")
			}
		})
}

func (c *inspection) retries(in *sqlite3.Conn) {
	c.ownRows(in, "engine_retry", column("message_id", maxText)+", "+column("retry_id", maxText), " WHERE retry_id NOT IN (SELECT id FROM messages_in WHERE id IS NOT NULL)",
		func(r *row, wrong func(string, ...any)) {
			wrong("its retry %q is not there", clip(r.or(1)))
		})
}

func (c *inspection) prunedTimes(in *sqlite3.Conn) {
	c.ownRows(in, "engine_pruned", column("folder", maxText)+", "+column("pruned_at", maxText), "", func(r *row, wrong func(string, ...any)) {
		c.time(r.text(1), true, wrong, "pruned_at")
	})
}

func (c *inspection) usage(in *sqlite3.Conn) {
	c.ownRows(in, "engine_usage", "id, bytes", "", func(r *row, wrong func(string, ...any)) {
		if r.integer(1, "bytes", -1) < 0 {
			wrong("bytes is not a size")
		}
	})
}

// outbox looks at what is kept of replies on their way out.
func (c *inspection) outbox(in *sqlite3.Conn) {
	columns := column("o.message_out_id", maxText) + ", o.settled, " + column("o.state", maxText) + ", o.attempts, o.due_at, o.lease_until, o.seq, d.message_out_id IS NOT NULL"
	c.ownRows(in, "engine_outbox o LEFT JOIN delivered d ON d.message_out_id = o.message_out_id", columns, "", func(r *row, wrong func(string, ...any)) {
		state, settled := engine.DispatchState(r.or(2)), r.integer(1, "settled", -1)
		switch {
		case !state.Settled() && !state.Open():
			wrong("state %q is none", clip(string(state)))
		case settled != 0 && settled != 1 || state.Settled() != (settled == 1):
			wrong("it is %s, and settled is %d", state, settled)
		case state.Settled() && r.integer(7, "outcome", 0) == 0:
			wrong("it is %s, and has no outcome in delivered", state)
		}
		if r.integer(3, "attempts", -1) < 0 {
			wrong("attempts is not a number")
		}
		if r.integer(6, "seq", 0) <= 0 {
			wrong("seq is not a valid sequence number")
		}
		for i, name := range map[int]string{4: "due_at", 5: "lease_until"} {
			if r.st.ColumnType(i) != sqlite3.NULL && r.millis(i) == nil {
				wrong("%s is not a time", name)
			}
		}
	})
}

func (c *inspection) outboxMark(in *sqlite3.Conn) {
	c.ownRows(in, "engine_outbox_mark", column("reply_id", maxText)+", out_rowid", "", func(r *row, wrong func(string, ...any)) {
		if r.text(0) == nil || r.st.ColumnType(1) != sqlite3.INTEGER {
			wrong("it is no place in messages_out")
		}
	})
}

// prunedFolders are those of the inbox that are missing on purpose.
func prunedFolders(in *sqlite3.Conn) map[string]bool {
	pruned := map[string]bool{}
	if has, err := hasTable(in, "engine_pruned"); err != nil || !has {
		return pruned
	}
	names, err := texts(in, "SELECT "+column("folder", maxText)+" FROM engine_pruned")
	if err != nil {
		return pruned // own says what is wrong with it
	}
	for _, name := range names {
		pruned[name] = true
	}
	return pruned
}
