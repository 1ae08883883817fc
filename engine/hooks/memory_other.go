//go:build !linux

package hooks

func useLargePages([]byte) {}
