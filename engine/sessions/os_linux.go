package sessions

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	getLock = unix.F_OFD_GETLK
	setLock = unix.F_OFD_SETLK
)

// syncData makes a file's data durable. Linux syncs what is needed to read it
// back, its size included, with fdatasync.
func syncData(fd int) error { return unix.Fdatasync(fd) }

// orderedFileSystem reports whether the file system of a directory is known
// to keep two promises across a power loss: a block of a new file that was not
// synced holds what was written, or zeros, or is not there; and syncing a new
// file also makes its name durable. Then a journal takes one sync where SQLite
// must otherwise do three: of a journal that was not synced, each record ends
// in a checksum, which is in another block than its page's number or in the
// same, so one that is not whole ends the playback. Smaller blocks than a page
// could lose its middle alone, which that checksum does not cover.
func orderedFileSystem(d *dir) bool {
	var st unix.Stat_t
	var blocks unix.Statfs_t
	if unix.Fstat(d.fd, &st) != nil || unix.Fstatfs(d.fd, &blocks) != nil || blocks.Bsize < 4096 {
		return false
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	defer f.Close()
	device := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	ordered := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/sda rw,data=ordered
		mount, super, _ := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(mount); len(fields) < 3 || fields[2] != device {
			continue
		}
		fields := strings.Fields(super)
		if len(fields) < 3 || !slices.Contains([]string{"ext4", "xfs", "btrfs", "tmpfs"}, fields[0]) ||
			strings.Contains(fields[2], "data=writeback") || strings.Contains(fields[2], "barrier=0") || strings.Contains(fields[2], "nobarrier") {
			return false
		}
		ordered = true
	}
	return ordered
}
