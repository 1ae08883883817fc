// Package sessions owns the session folders: the two databases, attachments,
// heartbeat, and uploads that wait to become attachments. Nobody else opens a
// file in them. Everything in a folder is hostile input, also what was once
// written by this package.
package sessions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// Options say how folders are made and what they may hold.
type Options struct {
	Limits engine.Limits
	// DirMode and FileMode are of what is made in session folders; 0 is 0770
	// and 0660. The container's user must be able to write.
	DirMode, FileMode os.FileMode
	// UID and GID own what is made, where not nil. That takes privileges.
	UID, GID *int
	// Passive leaves out what a store does on its own: tidying what a crash
	// left, expiring uploads, copying acknowledgements.
	Passive bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log takes what no caller is told; nil discards it.
	Log *slog.Logger
	// Metrics gets what operators watch, if not nil.
	Metrics prometheus.Registerer
	// Events is told of what nobody called for, if not nil.
	Events *engine.EventQueue
}

// Store is the session folders of one data directory. Only one may be open
// for a directory at a time. Its methods may be called concurrently.
type Store struct {
	opts      Options
	data      *dir // the data directory
	sessions  *dir // v2-sessions
	uploads   *dir
	archives  *dir
	vfs       *folderVFS
	templates *templates
	intents   *intents
	idle      idle
	reading   chan struct{} // holds one for each mailbox that is being read
	log       *slog.Logger
	metrics   *metrics

	mu      sync.Mutex // guards all below, and the queues of writers
	writers map[string]*writer
	left    map[string][]leftover // what a crash left, by session id
	claimed map[string]bool       // uploads that a message is taking
	closed  bool

	entered sync.RWMutex // guards gone; held for reading while a folder is open
	gone    bool         // the directories are closed, and their numbers others' by now

	running sync.WaitGroup // writers and the watcher
	watcher *watcher
	later   *later
	given   givenKey
	prepare atomic.Pointer[prepare]
	stamps  stamps
	// marks are where the last look at messages_out ended, by session id.
	marks    *lru.Cache[string, outboundEnd]
	pulses   *lru.Cache[string, keptPulse] // by session id
	accepted *acceptedIDs
	stop     context.CancelFunc
	ctx      context.Context // ends with Close; bounds what nobody waits for
}

var _ engine.Mailboxes = (*Store)(nil)

// Open opens the session folders of a data directory, which must exist.
func Open(data string, o Options) (*Store, error) {
	if o.DirMode == 0 {
		o.DirMode = 0o770
	}
	if o.FileMode == 0 {
		o.FileMode = 0o660
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{opts: o, log: o.Log, writers: map[string]*writer{}, claimed: map[string]bool{}, reading: make(chan struct{}, maxReading)}
	if err := s.open(data); err != nil {
		s.closeFiles()
		return nil, fmt.Errorf("open session folders in %s: %w", data, err)
	}
	s.watcher = newWatcher(s)
	s.later = newLater(s)
	var err error
	if s.marks, err = lru.New[string, outboundEnd](4096); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	if s.pulses, err = lru.New[string, keptPulse](keptPulses); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	if s.accepted, err = newAcceptedIDs(); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	s.stamps = newStamps()
	if s.metrics, err = newMetrics(o.Metrics, s); err != nil {
		s.watcher.notify.close()
		return nil, errors.Join(err, s.closeFiles())
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if o.Passive {
		return s, nil
	}
	s.running.Go(func() { s.watcher.run(s.ctx) })
	s.running.Go(func() { s.later.run(s.ctx) })
	if s.watcher.notify != nil {
		s.running.Go(s.watcher.notify.run)
	}
	s.running.Go(func() {
		s.tidyLeft()
		s.expireUploads(s.ctx)
	})
	return s, nil
}

func (s *Store) open(data string) (err error) {
	if s.data, err = openRootDir(data); err != nil {
		return err
	}
	for _, d := range []struct {
		name string
		mode uint32
		to   **dir
	}{{"v2-sessions", 0o755, &s.sessions}, {"uploads", 0o700, &s.uploads}, {archivesName, 0o700, &s.archives}} {
		if err := os.MkdirAll(filepath.Join(data, d.name), os.FileMode(d.mode)); err != nil {
			return err
		}
		if *d.to, err = openRootDir(filepath.Join(data, d.name)); err != nil {
			return err
		}
	}
	if err := s.data.sync(); err != nil {
		return err
	}
	s.vfs = newFolderVFS(orderedFileSystem(s.sessions))
	if s.templates, err = newTemplates(); err != nil {
		return err
	}
	s.intents, s.left, err = openIntents(s.data)
	return err
}

// Close waits for the writes that were accepted and releases everything.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.watcher.notify.close()
	s.running.Wait()
	s.entered.Lock() // waits for readers
	s.gone = true
	s.entered.Unlock()
	s.idle.close()
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.intents != nil {
		errs = append(errs, s.intents.close())
	}
	if s.templates != nil {
		errs = append(errs, s.templates.close())
	}
	if s.vfs != nil {
		s.vfs.close()
	}
	for _, d := range []*dir{s.data, s.sessions, s.uploads, s.archives} {
		if d != nil {
			d.close()
		}
	}
	return errors.Join(errs...)
}

// folder is a session's folder, held open, whose databases can be connected to.
type folder struct {
	dir     *dir
	prefix  string
	unmount func()
	leave   func()
}

func (f *folder) close() {
	f.unmount()
	f.dir.close()
	f.leave()
}

// enter opens a session's folder.
func (s *Store) enter(sess engine.Session) (_ *folder, err error) {
	s.entered.RLock()
	defer func() {
		if err != nil {
			s.entered.RUnlock()
		}
	}()
	if s.gone {
		return nil, engine.Errorf(engine.CodeUnavailable, "the engine has shut down")
	}
	group, err := s.sessions.sub(sess.AgentGroupID)
	if err != nil {
		return nil, missingFolder(sess, err)
	}
	defer group.close()
	d, err := group.sub(sess.ID)
	if err != nil {
		return nil, missingFolder(sess, err)
	}
	prefix, unmount := s.vfs.mount(d)
	return &folder{dir: d, prefix: prefix, unmount: unmount, leave: s.entered.RUnlock}, nil
}

func missingFolder(sess engine.Session, err error) error {
	if errors.Is(err, unix.ENOENT) {
		return engine.Unavailable(err, "the folder of session %s is missing", sess.ID)
	}
	return fault("the folder", err)
}

// own gives what was made in a session's folder its mode and owner, whatever
// the process's umask.
func (s *Store) own(fd int, mode os.FileMode) error {
	if err := unix.Fchmod(fd, uint32(mode.Perm())); err != nil {
		return err
	}
	if s.opts.UID == nil && s.opts.GID == nil {
		return nil
	}
	id := func(p *int) int {
		if p == nil {
			return -1
		}
		return *p
	}
	return unix.Fchown(fd, id(s.opts.UID), id(s.opts.GID))
}

// makeDir makes a directory in d and opens it; fs.ErrExist if there is one.
func (s *Store) makeDir(d *dir, name string) (*dir, error) {
	if err := d.mkdir(name, uint32(s.opts.DirMode.Perm())); err != nil {
		return nil, err
	}
	sub, err := d.sub(name)
	if err != nil {
		return nil, err
	}
	if err := s.own(sub.fd, s.opts.DirMode); err != nil {
		sub.close()
		return nil, pathError("chown", name, err)
	}
	return sub, nil
}
