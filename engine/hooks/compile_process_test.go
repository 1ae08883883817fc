package hooks_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks"
)

// TestMain makes the test's program a compiler, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "compile" {
		os.Exit(compiler(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// compiler is a compiler as the tests want it.
func compiler(args []string) int {
	switch args[0] {
	case "logged": // notes in a file that it was started
		log, err := os.OpenFile(args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(log, len(os.Environ()))
		log.Close()
		return hooks.CompileMain(os.Stdin, os.Stdout)
	case "crashing":
		panic("no register is left")
	case "silent":
		return 0
	case "endless":
		for {
			if _, err := io.WriteString(os.Stdout, "………………"); err != nil {
				return 1
			}
		}
	}
	return hooks.CompileMain(os.Stdin, os.Stdout)
}
