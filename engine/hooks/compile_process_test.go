package hooks_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks"
)

// TestMain makes the test's program a compiler, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "compile" {
		syscall.Exit(compiler(os.Args[2:])) // os.Exit waits a second for the race detector
	}
	os.Exit(m.Run())
}

// compiler is a compiler as the tests want it.
func compiler(args []string) int {
	switch args[0] {
	case "logged":
		note(args[1], "%d variables\n", len(os.Environ()))
	case "noting":
		note(args[1], "%d", os.Getpid())
	case "crashing":
		panic("no register is left")
	case "failing":
		return 1
	case "silent":
		return 0
	case "garbling":
		fmt.Println(`{"code":`)
		return 0
	case "idle":
		fmt.Println(`{}`)
		return 0
	case "endless":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
				return 1
			}
		}
	}
	return hooks.CompileMain(os.Stdin, os.Stdout)
}

func note(path, format string, args ...any) {
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(log, format, args...)
	log.Close()
}

// startCompiler starts a compiler that the test talks to.
func startCompiler(t *testing.T) (*exec.Cmd, io.WriteCloser, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "compile", "plain")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdin, stdout
}
