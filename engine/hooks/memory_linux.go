package hooks

import "golang.org/x/sys/unix"

// useLargePages asks for pages of 2 MiB where memory is in use. The kernel
// takes microseconds for each page that is touched first, which no fuel pays
// for: in pages of 4 KiB 128 MiB take longer than a call may.
func useLargePages(area []byte) {
	// A kernel without them has small ones.
	_ = unix.Madvise(area, unix.MADV_HUGEPAGE)
}
