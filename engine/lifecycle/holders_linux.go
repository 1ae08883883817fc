package lifecycle

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holders returns the processes that have a file open, other than this one.
func holders(path string) (pids []int) {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	self := strconv.Itoa(os.Getpid())
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	last := ""
	for _, link := range links {
		pid := strings.Split(link, "/")[2]
		if pid == self || pid == last {
			continue
		}
		if target, err := os.Readlink(link); err != nil || target != path {
			continue
		}
		if open, err := os.Stat(link); err != nil || !os.SameFile(info, open) {
			continue
		}
		last = pid
		if n, err := strconv.Atoi(pid); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}
