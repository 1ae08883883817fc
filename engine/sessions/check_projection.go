package sessions

import (
	"bytes"
	"io"
	"slices"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sys/unix"
)

// projected compares destinations and routing, in the tables and in the JSON
// file, with what the registry has.
func (c *inspection) projected(d *dir, model, in *sqlite3.Conn) {
	if err := projectRows(model, *c.options.Projection); err != nil {
		c.broken(".", "try again", "%s", sentence(fault("the check", err)))
		return
	}
	for _, table := range []struct{ name, columns string }{
		{"destinations", "name, display_name, type, channel_type, platform_id, agent_group_id"},
		{"session_routing", "id, channel_type, platform_id, thread_id"},
	} {
		sql := "SELECT json_array(" + table.columns + ") FROM " + table.name + " ORDER BY 1"
		want, err := texts(model, sql)
		if err != nil {
			c.broken(".", "try again", "%s", sentence(fault("the check", err)))
			return
		}
		if have, err := texts(in, sql); err != nil || !slices.Equal(have, want) {
			c.found(fixProject, inboundName, "table %s is not what the registry says", table.name)
		}
	}
	f, err := d.open(destinationsName, unix.O_RDONLY, 0)
	if err != nil {
		return // noted with the files
	}
	defer f.Close()
	want := destinationsJSON(*c.options.Projection)
	have, err := io.ReadAll(io.LimitReader(f, int64(len(want))+1))
	if err != nil || !bytes.Equal(have, want) {
		c.found(fixProject, destinationsName, "it is not what the registry says")
	}
}
