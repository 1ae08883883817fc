package sessions

import (
	"context"
	"strings"

	"github.com/twinbox/twinbox/engine"
)

// archives reads each archive from its beginning to its end.
func (c *strays) archives(ctx context.Context) error {
	names, err := c.store.archives.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		file := archivesName + "/" + name
		remove := func() error { return c.store.archives.removeDurably(name) }
		id, isArchive := strings.CutSuffix(name, ".tar")
		switch {
		case strings.HasSuffix(name, ".tar"+newSuffix), strings.HasSuffix(name, restoringSuffix):
			c.found(file, "a crash cut off what it was to be", remove)
		case !isArchive || !engine.SafeID(id) || !strings.HasPrefix(id, engine.SessionIDPrefix):
			c.broken(file, "remove it, or move it elsewhere", "it is not an archive of a session")
		default:
			if err := c.archive(ctx, file, id, remove); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *strays) archive(ctx context.Context, file, id string, remove func() error) error {
	m, err := c.store.readArchive(ctx, id, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var sess engine.Session
	if err == nil {
		sess, err = m.session(id)
	}
	if err != nil {
		c.broken(file, "put a backup in its place, or remove it", sentence(err))
		return nil
	}
	open, err := c.known.Registered(sess.AgentGroupID, id)
	if err != nil || !open {
		return err
	}
	f, err := c.store.enter(sess)
	if err != nil {
		return nil // which is said of the session
	}
	defer f.close()
	for _, name := range []string{inboundName, outboundName} {
		if _, err := f.dir.stat(name); err != nil {
			return nil
		}
	}
	c.found(file, "its session has its folder: a crash left the archive", remove)
	return nil
}
