package sessions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// Project replaces destinations and routing, in the table and in the JSON
// file. See engine.Folders.
func (s *Store) Project(ctx context.Context, sess engine.Session, p engine.Projection) error {
	if err := s.do(ctx, sess, func(in *inbox) error { return s.project(in, p) }); err != nil {
		return err
	}
	s.watcher.watch(sess) // a container may be about to start that nobody marks
	return nil
}

func (s *Store) project(in *inbox, p engine.Projection) error {
	in.wrote = true // also where only the file fails
	if err := projectRows(in.conn, p); err != nil {
		return err
	}
	return fault(destinationsName, s.replaceFile(in.folder.dir, destinationsName, destinationsJSON(p)))
}

func projectRows(c *sqlite3.Conn, p engine.Projection) error {
	if err := c.Exec(`DELETE FROM destinations; DELETE FROM session_routing`); err != nil {
		return err
	}
	err := insert(c, `INSERT INTO session_routing (id, channel_type, platform_id, thread_id) VALUES (1, ?, ?, ?)`,
		p.Route.ChannelType, p.Route.PlatformID, p.Route.ThreadID)
	for _, d := range p.Destinations {
		if err != nil {
			return err
		}
		switch {
		case d.MessagingGroup != nil:
			err = insert(c, `INSERT INTO destinations (name, display_name, type, channel_type, platform_id) VALUES (?, ?, 'channel', ?, ?)`,
				d.Name, d.DisplayName(), d.MessagingGroup.ChannelType, d.MessagingGroup.PlatformID)
		case d.TargetAgentGroup != nil:
			err = insert(c, `INSERT INTO destinations (name, display_name, type, agent_group_id) VALUES (?, ?, 'agent', ?)`,
				d.Name, d.DisplayName(), d.TargetAgentGroup.ID)
		}
	}
	return err
}

func insert(c *sqlite3.Conn, sql string, args ...any) error {
	st, _, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	if err := bind(st, args); err != nil {
		return errors.Join(err, st.Close())
	}
	st.Step()
	return errors.Join(st.Err(), st.Close())
}

type destinationJSON struct {
	Name         string `json:"name"`
	DisplayName  string `json:"displayName"`
	Type         string `json:"type"`
	ChannelType  string `json:"channelType,omitempty"`
	PlatformID   string `json:"platformId,omitempty"`
	AgentGroupID string `json:"agentGroupId,omitempty"`
}

func destinationsJSON(p engine.Projection) []byte {
	list := []destinationJSON{}
	for _, d := range p.Destinations {
		j := destinationJSON{Name: d.Name, DisplayName: d.DisplayName()}
		switch {
		case d.MessagingGroup != nil:
			j.Type, j.ChannelType, j.PlatformID = "channel", d.MessagingGroup.ChannelType, d.MessagingGroup.PlatformID
		case d.TargetAgentGroup != nil:
			j.Type, j.AgentGroupID = "agent", d.TargetAgentGroup.ID
		default:
			continue
		}
		list = append(list, j)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Strings and nothing else: it cannot fail.
	if err := enc.Encode(map[string]any{"destinations": list}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// newSuffix is of a file that is to replace another. What a crash leaves of it
// is removed with the rest.
const newSuffix = ".new"

// replaceFile puts data under a name at once: readers see the old file or the
// new one. A link of that name is replaced, not followed. One caller at a time.
func (s *Store) replaceFile(d *dir, name string, data []byte) error {
	temporary := name + newSuffix
	if err := d.removeAll(temporary); err != nil {
		return err
	}
	err := s.writeNew(d, temporary, data)
	if err == nil {
		if err = d.rename(temporary, name); errors.Is(err, unix.EISDIR) {
			// A directory is in the way, which only a container can have made.
			if err = d.removeAll(name); err == nil {
				err = d.rename(temporary, name)
			}
		}
	}
	if err != nil {
		return errors.Join(err, d.remove(temporary))
	}
	return nil
}
