package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	heartbeatName  = ".heartbeat"
	heartbeatEvery = 2 * time.Second
)

// beat touches the heartbeat now and every few seconds until ctx is done.
func (a *agent) beat(ctx context.Context) {
	t := time.NewTicker(heartbeatEvery)
	defer t.Stop()
	warned := false
	for {
		if err := a.touch(); err != nil && !warned {
			a.Log.Warn("the heartbeat cannot be touched; the engine may take this container for stuck", "error", err)
			warned = true
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// touch writes the time into the file: unlike setting its times, that needs
// no ownership. A link is not followed and a file with a second name is not
// written: either may lead out of the folder.
func (a *agent) touch() (err error) {
	f, err := a.openHeartbeat()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteAt([]byte(engine.FormatTime(time.Now())+"\n"), 0)
	return err
}

func (a *agent) openHeartbeat() (*os.File, error) {
	f, err := a.root.OpenFile(heartbeatName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	before, err := a.root.Lstat(heartbeatName)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() || links(before) != 1 {
		return nil, &os.PathError{Op: "open", Path: heartbeatName, Err: errNotRegular}
	}
	f, err = a.root.OpenFile(heartbeatName, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(before, now) {
		f.Close()
		return nil, &os.PathError{Op: "open", Path: heartbeatName, Err: errNotRegular}
	}
	return f, nil
}

// links is how many names a file has.
func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 0
}
