package sessions

import (
	_ "embed"
	"fmt"

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
	seriesSchema = `CREATE TABLE IF NOT EXISTS engine_series (
		message_id TEXT PRIMARY KEY, time_zone TEXT, missed_runs TEXT NOT NULL, scheduled_at TEXT NOT NULL) WITHOUT ROWID`
	// bytes of all attachments that were ever put into the inbox.
	usageSchema = `CREATE TABLE IF NOT EXISTS engine_usage (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL)`
)

// inboundColumns are the columns that folders of other hosts may lack: those
// that came later than the rest.
var inboundColumns = []struct{ name, definition string }{
	{"process_after", "TEXT"},
	{"recurrence", "TEXT"},
	{"series_id", "TEXT"},
	{"tries", "INTEGER DEFAULT 0"},
	{"trigger", "INTEGER NOT NULL DEFAULT 1"},
	{"platform_id", "TEXT"},
	{"channel_type", "TEXT"},
	{"thread_id", "TEXT"},
	{"source_session_id", "TEXT"},
	{"on_wake", "INTEGER NOT NULL DEFAULT 0"},
}

// upgrade gives an inbound.db that another host made what is missing, and
// keeps what is there.
func upgrade(c *sqlite3.Conn) error {
	present := map[string]bool{}
	st, _, err := c.Prepare(`SELECT name FROM pragma_table_info('messages_in')`)
	if err != nil {
		return err
	}
	defer st.Close()
	for st.Step() {
		present[st.ColumnText(0)] = true
	}
	if err := st.Err(); err != nil {
		return err
	}
	if len(present) > 0 {
		for _, column := range inboundColumns {
			if present[column.name] {
				continue
			}
			if err := c.Exec(`ALTER TABLE messages_in ADD COLUMN "` + column.name + `" ` + column.definition); err != nil {
				return err
			}
		}
		if !present["series_id"] {
			if err := c.Exec(`UPDATE messages_in SET series_id = id`); err != nil {
				return err
			}
		}
	}
	return c.Exec(inboundSchema)
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
