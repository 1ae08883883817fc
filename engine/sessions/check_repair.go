package sessions

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// repair does what the findings ask for, in an order in which the later can
// rest on the earlier, and goes on where one fails.
func (c *inspection) repair(ctx context.Context) error {
	s, sess := c.store, c.session
	var errs []error
	for _, r := range []struct {
		of   fix
		mend func() error
	}{
		{fixWrite, func() error { return s.do(ctx, sess, func(*inbox) error { return nil }) }},
		{fixUpgrade, func() error { return s.do(ctx, sess, (*inbox).upgrade) }},
		{fixRows, func() error { return s.do(ctx, sess, mendRows) }},
		{fixOwn, func() error { return s.do(ctx, sess, mendOwn) }},
		{fixFiles | fixOwner | fixInbox, c.mendFiles},
		{fixProject, func() error { return s.Project(ctx, sess, *c.options.Projection) }},
		{fixGone, func() error { return s.tidyGone(ctx, sess) }},
		{fixAcks, func() error { _, err := s.settle(ctx, sess); return err }},
	} {
		if c.fixes&r.of != 0 {
			errs = append(errs, r.mend())
		}
	}
	return errors.Join(errs...)
}

func mendRows(in *inbox) error {
	return errors.Join(
		in.exec(`UPDATE messages_in SET process_after = NULL WHERE process_after = ''`),
		in.exec(`UPDATE messages_in SET recurrence = NULL WHERE recurrence = ''`),
		in.exec(`UPDATE messages_in SET series_id = id WHERE series_id IS NULL OR series_id = ''`))
}

func (c *inspection) mendFiles() error {
	f, err := c.store.enter(c.session)
	if err != nil {
		return err
	}
	defer f.close()
	var errs []error
	for _, name := range c.litter {
		errs = append(errs, f.dir.remove(name))
	}
	if c.fixes&fixFiles != 0 {
		errs = append(errs, c.mendHeartbeat(f.dir), c.mendOutbox(f.dir))
	}
	if c.fixes&fixInbox != 0 {
		errs = append(errs, removeFrom(f.dir, inboxName, c.unnamed))
	}
	if c.fixes&fixOwner != 0 {
		errs = append(errs, c.mendOwner(f.dir))
	}
	return errors.Join(errs...)
}

// mendHeartbeat removes it, as the start of a container would.
func (c *inspection) mendHeartbeat(d *dir) error {
	if !c.gone() {
		return nil
	}
	return d.remove(heartbeatName)
}

func (c *inspection) mendOutbox(d *dir) error {
	outbox, err := c.store.makeDir(d, outboxName)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err != nil {
		return err
	}
	outbox.close()
	return d.sync()
}

func removeFrom(d *dir, box string, names []string) error {
	b, err := d.sub(box)
	if err != nil {
		return err
	}
	defer b.close()
	var errs []error
	for _, name := range names {
		errs = append(errs, b.removeAll(name))
	}
	return errors.Join(errs...)
}

// mendOwner gives what the engine makes in a folder its owner and mode.
func (c *inspection) mendOwner(d *dir) error {
	errs := []error{c.store.own(d.fd, c.store.opts.DirMode)}
	for _, name := range []string{inboxName, outboxName} {
		sub, err := d.sub(name)
		if err != nil {
			continue // not there, or found to be something else
		}
		errs = append(errs, c.store.own(sub.fd, c.store.opts.DirMode))
		sub.close()
	}
	for _, name := range []string{inboundName, outboundName, destinationsName} {
		fd, st, err := d.openFD(name, unix.O_RDONLY, 0)
		if err != nil {
			continue
		}
		if st.Nlink == 1 {
			errs = append(errs, c.store.own(fd, c.store.opts.FileMode))
		}
		_ = unix.Close(fd) // nothing was written
	}
	return errors.Join(errs...)
}
