package sessions

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/serdes"

	"github.com/twinbox/twinbox/engine"
)

// The files of a session's folder (protocol: "Folder").
const (
	inboundName      = "inbound.db"
	outboundName     = "outbound.db"
	heartbeatName    = ".heartbeat"
	destinationsName = ".nanoclaw-destinations.json"
	inboxName        = "inbox"
	outboxName       = "outbox"
)

var (
	//go:embed inbound.sql
	inboundSchema string
	//go:embed outbound.sql
	outboundSchema string
)

// Tables that few sessions need are made when they are first written to:
// every connection reads the whole schema.
const (
	// What messages_in has no column for. scheduled_at is the occurrence's
	// time as the series planned it, which retries do not move.
	seriesSchema = `CREATE TABLE IF NOT EXISTS box.engine_series (
		message_id TEXT PRIMARY KEY, time_zone TEXT, missed_runs TEXT NOT NULL, scheduled_at TEXT NOT NULL) WITHOUT ROWID`
	// Why the engine itself ended a message, for those who look at it.
	reasonSchema = `CREATE TABLE IF NOT EXISTS box.engine_reason (message_id TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID`
	// What the sender of a series gave, encrypted, where hooks made something
	// else of it: hooks see it again for each occurrence, and agents never do.
	givenSchema = `CREATE TABLE IF NOT EXISTS box.engine_given (message_id TEXT PRIMARY KEY, content BLOB NOT NULL)`
	// The claim by which a container's death was last counted for a message.
	triedSchema = `CREATE TABLE IF NOT EXISTS box.engine_tried (message_id TEXT PRIMARY KEY, claim TEXT NOT NULL) WITHOUT ROWID`
	// The message that was last written in place of one that had ended.
	retrySchema = `CREATE TABLE IF NOT EXISTS box.engine_retry (message_id TEXT PRIMARY KEY, retry_id TEXT NOT NULL) WITHOUT ROWID`
	// What operations did with messages and replies, written with what they did:
	// it is done once, whatever became of the engine.
	operationSchema = `CREATE TABLE IF NOT EXISTS box.engine_operation (mail_id TEXT NOT NULL, direction TEXT NOT NULL, operation_id TEXT NOT NULL,
		action TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, retried_as TEXT, retry_of TEXT, PRIMARY KEY (mail_id, direction, operation_id)) WITHOUT ROWID`
	// Paused messages that the container took at the last moment are found by it.
	pausedSchema = `CREATE INDEX IF NOT EXISTS box.engine_paused ON messages_in (seq) WHERE status = 'paused'`
	// Folders of the inbox that retention removed, so that nobody takes what
	// messages say of them for a loss.
	prunedSchema = `CREATE TABLE IF NOT EXISTS box.engine_pruned (folder TEXT PRIMARY KEY, pruned_at TEXT NOT NULL) WITHOUT ROWID`
	// bytes of all attachments that were ever put into the inbox.
	usageSchema = `CREATE TABLE IF NOT EXISTS box.engine_usage (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL)`
)

// inboundColumns are the columns that folders of other hosts may lack: those
// that came later than the rest.
var inboundColumns = []struct{ table, name, definition string }{
	{"messages_in", "process_after", "TEXT"},
	{"messages_in", "recurrence", "TEXT"},
	{"messages_in", "series_id", "TEXT"},
	{"messages_in", "tries", "INTEGER DEFAULT 0"},
	{"messages_in", "trigger", "INTEGER NOT NULL DEFAULT 1"},
	{"messages_in", "platform_id", "TEXT"},
	{"messages_in", "channel_type", "TEXT"},
	{"messages_in", "thread_id", "TEXT"},
	{"messages_in", "source_session_id", "TEXT"},
	{"messages_in", "on_wake", "INTEGER NOT NULL DEFAULT 0"},
	{"delivered", "platform_message_id", "TEXT"},
	{"delivered", "status", "TEXT NOT NULL DEFAULT 'delivered'"},
	{"destinations", "display_name", "TEXT"},
}

// upgrade gives an inbound.db that another host made what is missing, and
// keeps what is there.
func (in *inbox) upgrade() error {
	c := in.conn
	present := map[string]map[string]bool{}
	for _, column := range inboundColumns {
		columns := present[column.table]
		if columns == nil {
			var err error
			if columns, err = columnsOf(c, "box", column.table); err != nil {
				return err
			}
			present[column.table] = columns
		}
		if len(columns) == 0 || columns[column.name] {
			continue // the schema below makes the table, or it is there
		}
		if err := c.Exec(`ALTER TABLE ` + column.table + ` ADD COLUMN "` + column.name + `" ` + column.definition); err != nil {
			return err
		}
		if column.name == "series_id" {
			if err := c.Exec(`UPDATE messages_in SET series_id = id`); err != nil {
				return err
			}
		}
	}
	return c.Exec(attachedSchema.Replace(inboundSchema))
}

// attachedSchema makes tables and indexes in the attached database.
var attachedSchema = strings.NewReplacer("TABLE IF NOT EXISTS ", "TABLE IF NOT EXISTS box.", "INDEX IF NOT EXISTS ", "INDEX IF NOT EXISTS box.")

// columnsOf returns the names of a table's columns, none if there is no such
// table in the database.
func columnsOf(c *sqlite3.Conn, database, table string) (map[string]bool, error) {
	st, _, err := c.Prepare(`SELECT name FROM pragma_table_info(?, ?)`)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if err := bind(st, []any{table, database}); err != nil {
		return nil, err
	}
	columns := map[string]bool{}
	for st.Step() {
		columns[st.ColumnText(0)] = true
	}
	return columns, st.Err()
}

// templates makes the bytes of new databases: an empty schema is built once,
// and each session's own rows are put in before its file is first written,
// which saves it a commit.
type templates struct {
	outbound []byte
	inbound  chan *sqlite3.Conn // holds the one connection while nobody uses it
}

func newTemplates() (*templates, error) {
	out, err := memoryDatabase(outboundSchema)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	t := &templates{inbound: make(chan *sqlite3.Conn, 1)}
	if t.outbound, err = serdes.Serialize(out, "main"); err != nil {
		return nil, fmt.Errorf("make the template of %s: %w", outboundName, err)
	}
	in, err := memoryDatabase(inboundSchema)
	if err != nil {
		return nil, err
	}
	t.inbound <- in
	return t, nil
}

func memoryDatabase(schema string) (*sqlite3.Conn, error) {
	c, err := sqlite3.Open(":memory:")
	if err != nil {
		return nil, err
	}
	if err := c.Exec(schema); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (t *templates) close() error { return (<-t.inbound).Close() }

// inboundFor returns a new inbound.db that holds a projection.
func (t *templates) inboundFor(p engine.Projection) ([]byte, error) {
	c := <-t.inbound
	defer func() { t.inbound <- c }()
	if err := projectRows(c, p); err != nil {
		return nil, err
	}
	return serdes.Serialize(c, "main")
}
