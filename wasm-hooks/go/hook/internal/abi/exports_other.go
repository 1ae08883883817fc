//go:build !wasm

package abi

import (
	"fmt"
	"os"
)

// Log writes to standard error, for tests.
func Log(level int, text string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", [...]string{"debug", "info", "warn", "error"}[level], text)
}
