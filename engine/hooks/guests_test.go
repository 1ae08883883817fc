package hooks_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// answerAt is where a module of guest has its answer.
const answerAt = 4096

// guest is a reactor of one page that answers every message with answer, ""
// being a pass. Its input is put at 16.
type guest struct {
	assembly
	answer string
}

func answering(answer string) guest {
	return guest{reactor(), answer}.doing("on_message", "")
}

// result is the code of the answer.
func (g guest) result() string {
	if g.answer == "" {
		return "i64.const 0"
	}
	return fmt.Sprintf("i64.const %d", int64(answerAt)<<32|int64(len(g.answer)))
}

// doing has a function do something: on_message before it answers.
func (g guest) doing(export, code string) guest {
	signature := map[string]string{"hook_abi_version": "->i32", "hook_alloc": "i32->i32", "hook_init": "i32 i32->i64"}[export]
	switch export {
	case "hook_done", "_initialize", "":
		signature = "->"
	case "on_message", "on_attachment", "on_session":
		signature, code = "i32 i32->i64", code+" "+g.result()
	}
	g.assembly = g.with(export, signature, asm(code))
	return g
}

func (g guest) bytes() []byte {
	b := g.assembly.bytes()
	if g.answer == "" {
		return b
	}
	data := "\x00" + asm(fmt.Sprintf("i32.const %d end", answerAt)) + sized(g.answer)
	return append(b, "\x0b"+sized(vector([]string{data}))...)
}

// counting answers with how often it was called, from 1 to 9.
func counting() guest {
	const answer = `{"action":"replace","content":"0"}`
	at := answerAt + strings.IndexByte(answer, '0')
	return answering(answer).doing("on_message", fmt.Sprintf("i32.const %d i32.const %d i32.load8_u 0 0 i32.const 1 i32.add i32.store8 0 0", at, at))
}

// asm turns words into code: an instruction's name, or a number for what
// follows one.
func asm(words string) string {
	opcodes := map[string]string{
		"unreachable": "\x00", "block": "\x02\x40", "loop": "\x03\x40", "end": "\x0b", "br": "\x0c", "br_if": "\x0d", "call": "\x10",
		"drop": "\x1a", "local.get": "\x20", "i32.load8_u": "\x2d", "i32.store": "\x36", "i32.store8": "\x3a", "memory.grow": "\x40\x00",
		"i32.const": "\x41", "i64.const": "\x42", "i32.eq": "\x46", "i32.ne": "\x47", "i32.add": "\x6a", "i32.and": "\x71",
		"memory.copy": "\xfc\x0a\x00\x00",
	}
	var b strings.Builder
	for _, word := range strings.Fields(words) {
		if op, ok := opcodes[word]; ok {
			b.WriteString(op)
			continue
		}
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("%q is no instruction", word))
		}
		b.WriteString(signed(n))
	}
	return b.String()
}

func signed(n int64) string {
	var b []byte
	for ; n < -64 || n > 63; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return string(append(b, byte(n)&0x7f))
}

// frame is what goes to and comes from on_attachment.
func frame(text, bytes string) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(text)))) + text + bytes
}

// built keeps what was built, for all tests of the run.
var built sync.Map

// mustBuild compiles a guest of testdata with the Go toolchain that runs the
// tests: as a reactor, or as a command.
func mustBuild(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	build, _ := built.LoadOrStore(dir, sync.OnceValues(func() ([]byte, error) {
		temp, err := os.MkdirTemp("", "guest")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(temp)
		file := filepath.Join(temp, "guest.wasm")
		build := exec.Command("go", append(append([]string{"build", "-o", file}, args...), dir)...)
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		return os.ReadFile(file)
	}))
	b, err := build.(func() ([]byte, error))()
	if err != nil {
		t.Fatalf("build the guest %s: %v", dir, err)
	}
	return b
}
