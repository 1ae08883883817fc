package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// Exit codes of a compiler process.
const (
	exitFailed    = 1
	exitMemory    = 3 // it needed more memory than it may have
	exitAbandoned = 4 // who asked has gone
)

// maxCompilerStack ends a process on what is nested deeply.
const maxCompilerStack = 256 << 20

// memoryWatch is how often a compiler's memory is looked at. A core can touch
// about 20 MB in that time.
const memoryWatch = 5 * time.Millisecond

// answer is what a compiler process says; Code is "" if it was done.
type answer struct {
	Code    engine.Code `json:"code,omitempty"`
	Message string      `json:"message,omitempty"`
}

// CompileMain is the main function of a process that compiles one module, as
// Options.Compiler runs it: it limits the process, reads what to do from stdin,
// answers on stdout, and returns the exit code. The process ends when stdin
// does, so that it does not outlive who waits for it.
func CompileMain(stdin io.Reader, stdout io.Writer) int {
	var c compilation
	requests := json.NewDecoder(stdin)
	if err := requests.Decode(&c); err != nil {
		fmt.Fprintln(os.Stderr, "read what to compile:", err)
		return exitFailed
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // an error is an end, too
		os.Exit(exitAbandoned)
	}()
	if err := c.Limits.apply(); err != nil {
		fmt.Fprintln(os.Stderr, "limit the compiler:", err)
		return exitFailed
	}
	var a answer
	if err := c.run(context.Background()); err != nil {
		e, ok := errors.AsType[*engine.Error](err)
		if !ok {
			fmt.Fprintln(os.Stderr, err)
			return exitFailed
		}
		a = answer{e.Code, e.Message}
	}
	if err := json.NewEncoder(stdout).Encode(a); err != nil {
		return exitFailed
	}
	return 0
}

// apply limits this process. A limit of address space would be the kernel's
// to keep, but Go reserves more than it uses, the race detector terabytes.
func (l compileLimits) apply() error {
	for resource, limit := range map[int]uint64{unix.RLIMIT_CPU: l.Seconds, unix.RLIMIT_FSIZE: l.FileBytes, unix.RLIMIT_CORE: 0} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	debug.SetMaxStack(maxCompilerStack)
	debug.SetMemoryLimit(int64(l.MemoryBytes / 4 * 3)) // collect harder before it is too late
	go func() {
		used := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for range time.Tick(memoryWatch) {
			if metrics.Read(used); used[0].Value.Uint64()-used[1].Value.Uint64() > l.MemoryBytes {
				os.Exit(exitMemory)
			}
		}
	}()
	return nil
}
