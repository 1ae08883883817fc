package sessions

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// notifier is told by the kernel of what happens in the folders of watched
// sessions. What it cannot watch, because of a limit or a mount, is polled.
type notifier struct {
	file *os.File
	told func(*watch, time.Duration)
	lost func()

	mu      sync.Mutex // guards watches
	watches map[int]*watch
}

// newNotifier returns nil where the kernel has no more to give.
func newNotifier(told func(*watch, time.Duration), lost func()) *notifier {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	return &notifier{file: os.NewFile(uintptr(fd), "inotify"), told: told, lost: lost, watches: map[int]*watch{}}
}

const notifyMask = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_ONLYDIR

// add returns 0 where the session's folder cannot be watched.
func (n *notifier) add(s *Store, v *watch) (wd int) {
	if n == nil {
		return 0
	}
	group, err := s.sessions.sub(v.session.AgentGroupID)
	if err != nil {
		return 0
	}
	defer group.close()
	d, err := group.sub(v.session.ID)
	if err != nil {
		return 0
	}
	defer d.close()
	n.mu.Lock() // before an event of it is looked up
	defer n.mu.Unlock()
	err = n.control(func(fd int) (err error) {
		// By its handle: a path could be swapped.
		wd, err = unix.InotifyAddWatch(fd, fmt.Sprintf("/proc/self/fd/%d", d.fd), notifyMask)
		return err
	})
	if err != nil {
		return 0
	}
	n.watches[wd] = v
	return wd
}

func (n *notifier) remove(v *watch) {
	if n == nil || v.wd == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.watches[v.wd] != v {
		return
	}
	delete(n.watches, v.wd)
	_ = n.control(func(fd int) error { // it may be gone with its folder
		_, err := unix.InotifyRmWatch(fd, uint32(v.wd))
		return err
	})
}

func (n *notifier) control(do func(fd int) error) error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Control(func(fd uintptr) { result = do(int(fd)) })
	return errors.Join(err, result)
}

// run passes on what the kernel tells, until close.
func (n *notifier) run() {
	buffer := make([]byte, 64<<10)
	for {
		size, err := n.file.Read(buffer)
		if err != nil {
			return
		}
		for b := buffer[:size]; len(b) >= unix.SizeofInotifyEvent; {
			wd, mask := int(int32(binary.NativeEndian.Uint32(b))), binary.NativeEndian.Uint32(b[4:])
			length := min(int(binary.NativeEndian.Uint32(b[12:])), len(b)-unix.SizeofInotifyEvent)
			name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+length]), "\x00")
			b = b[unix.SizeofInotifyEvent+length:]
			n.event(wd, mask, name)
		}
	}
}

func (n *notifier) event(wd int, mask uint32, name string) {
	if mask&unix.IN_Q_OVERFLOW != 0 {
		n.lost() // some of what happened, anywhere
		return
	}
	n.mu.Lock()
	v := n.watches[wd]
	if mask&unix.IN_IGNORED != 0 {
		delete(n.watches, wd)
	}
	n.mu.Unlock()
	switch {
	case v == nil:
	case name == outboundName+"-journal" && mask&unix.IN_DELETE != 0:
		n.told(v, 0) // which is the commit
	case name == outboundName:
		n.told(v, writing)
	}
}

func (n *notifier) close() {
	if n != nil {
		_ = n.file.Close() // nothing is written to it
	}
}
