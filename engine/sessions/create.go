package sessions

import (
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// Create makes a session's folder, durably. See engine.Folders.
func (s *Store) Create(ctx context.Context, sess engine.Session, p engine.Projection) error {
	if err := ctx.Err(); err != nil {
		return fault("the folder", err)
	}
	inbound, err := s.templates.inboundFor(p)
	if err != nil {
		return err
	}
	group, err := s.groupDir(sess.AgentGroupID)
	if err != nil {
		return fault("the agent group's folder", err)
	}
	defer group.close()
	d, err := s.makeDir(group, sess.ID)
	if errors.Is(err, unix.EEXIST) {
		return &engine.Error{Code: engine.CodeConflict, Message: "the folder of session " + sess.ID + " exists already", Err: err}
	}
	if err == nil {
		defer d.close()
		err = s.fill(d, map[string][]byte{inboundName: inbound, outboundName: s.templates.outbound, destinationsName: destinationsJSON(p)})
	}
	if err == nil {
		s.noteNew(d, sess)
		err = d.sync()
	}
	if err == nil {
		err = group.sync()
	}
	if err != nil {
		s.stamps.forget(sess.ID)
		if rerr := group.removeAll(sess.ID); rerr != nil {
			s.log.Error("remove a folder that could not be made", "session", sess.ID, "error", rerr)
		}
		return fault("the folder", err)
	}
	return nil
}

// groupDir opens an agent group's folder, and makes it if need be.
func (s *Store) groupDir(id string) (*dir, error) {
	group, err := s.sessions.sub(id)
	if !errors.Is(err, unix.ENOENT) {
		return group, err
	}
	// Not makeDir: containers see sessions, not what is above them.
	if err := s.sessions.mkdir(id, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	if err := s.sessions.sync(); err != nil {
		return nil, err
	}
	return s.sessions.sub(id)
}

// fill makes files and the outbox in a new folder. The files are written and
// synced at the same time: the disk can make them durable together.
func (s *Store) fill(d *dir, files map[string][]byte) error {
	outbox, err := s.makeDir(d, outboxName)
	if err != nil {
		return err
	}
	outbox.close()
	var wg sync.WaitGroup
	errs := make([]error, 0, len(files))
	for name, data := range files {
		errs = append(errs, nil)
		err := &errs[len(errs)-1]
		wg.Go(func() { *err = s.writeNew(d, name, data) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Store) writeNew(d *dir, name string, data []byte) error {
	f, err := s.create(d, name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = syncData(int(f.Fd()))
	}
	return errors.Join(err, f.Close())
}

// create makes a file that does not exist yet.
func (s *Store) create(d *dir, name string) (*os.File, error) {
	f, err := d.open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, uint32(s.opts.FileMode.Perm()))
	if err != nil {
		return nil, err
	}
	if err := s.own(int(f.Fd()), s.opts.FileMode); err != nil {
		f.Close()
		return nil, pathError("chown", name, err)
	}
	return f, nil
}

// Discard removes a folder that Create made for a session nobody was told of.
func (s *Store) Discard(_ context.Context, sess engine.Session) error {
	group, err := s.sessions.sub(sess.AgentGroupID)
	if err != nil {
		return err
	}
	defer group.close()
	s.stamps.forget(sess.ID)
	return group.removeAll(sess.ID)
}
