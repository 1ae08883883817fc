package tests_test

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/twinbox/twinbox/tests/internal/guest"
)

func hostileCommands() []hostile {
	writes := func(fd int) []byte {
		m := guest.Command(fmt.Sprintf("loop i32.const %d i32.const 0 i32.const 2 i32.const 61000 call 0 drop br 0 end", fd)).Importing(fdWrite)
		// Two vectors of the same 60,000 bytes.
		m.Data = map[int]string{0: strings.Repeat("\x10\x00\x00\x00\x60\xea\x00\x00", 2)}
		return m.Bytes()
	}
	sleep := "i32.const 0 i32.const 1024 i32.const 1 i32.const 2048 call 0 drop "
	sleeps := func(code string) []byte {
		m := guest.Command(code).Importing(pollOne)
		m.Data = map[int]string{24: "\x00\xa0\xb8\x30\x46\x03\x00\x00"} // a subscription to an hour
		return m.Bytes()
	}
	begins := func(code string) []byte {
		m := guest.Command("").Importing(procExit).With(guest.Function{Export: "begin", Signature: "->", Code: code})
		m.Start = "begin"
		return m.Bytes()
	}
	exits := func(code string) []byte { return guest.Command(code).Importing(procExit).Bytes() }
	return []hostile{
		{name: "output without end", module: writes(1), failure: "it wrote an answer of more than the 33,554,432 bytes that are allowed"},
		{name: "a command that does nothing", module: guest.Command("").Bytes()},
		{name: "errors without end", module: writes(2), failure: "on_message ran out of fuel"},
		{name: "a write of 2³²−1 vectors", module: guest.Command("i32.const 1 i32.const 0 i32.const -1 i32.const 0 call 0 drop").Importing(fdWrite).Bytes(), failure: "on_message ran out of fuel"},
		{name: "an exit of 7", module: exits("i32.const 7 call 0"), failure: "on_message exited with code 7"},
		{name: "an exit of 0 that passes", module: exits("i32.const 0 call 0 unreachable")},
		{name: "an exit at the start", module: begins("i32.const 0 call 0"), refused: "module closed with exit_code(0)"},
		{name: "an endless start", module: begins(endless), refused: "40,000,000 units of fuel"},
		{name: "a night's sleep", module: sleeps(strings.Repeat(sleep, 8))},
		{name: "sleep without end", module: sleeps("loop " + sleep + "br 0 end"), failure: "on_message ran out of fuel"},
		{name: "an endless program", module: guest.Command(endless).Bytes(), failure: "on_message ran out of fuel"},
		{name: "a trap", module: guest.Command("unreachable").Bytes(), failure: "on_message trapped: unreachable"},
	}
}

// hostileModules are refused, most before any of their code is compiled.
func hostileModules() []hostile {
	branches := strings.Repeat("block local.get 0 br_if 0 end ", 400_000) + "i64.const 0"
	// A type, a million functions of it, and their code.
	many := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00")
	for _, section := range []struct {
		id   byte
		item string
	}{{3, "\x00"}, {10, "\x02\x00\x0b"}} {
		content := append(binary.AppendUvarint(nil, 1_000_000), strings.Repeat(section.item, 1_000_000)...)
		many = append(binary.AppendUvarint(append(many, section.id), uint64(len(content))), content...)
	}
	huge := guest.Reactor()
	huge.Pages = 1 << 16
	begins := does("begin", endless)
	begins.Start = "begin"
	padded := func(bytes int) []byte { return append(guest.Reactor().Bytes(), make([]byte, bytes)...) }
	return []hostile{
		{name: "a module of 17 MiB", module: padded(17 << 20), refused: "more than the 16777216 that are allowed"},
		{name: "a million functions", module: many, refused: "1000000 functions"},
		{name: "a module of 100 MiB", module: padded(100 << 20), unread: "the body has more than the 50331648 bytes that are allowed"},
		{name: "an import that does not exist", module: guest.Reactor().Importing(guest.Import{Module: "acme", Name: "magic\x1b[2J", Signature: "->"}).Bytes(), refused: "the module imports acme.magic\ufffd[2J"},
		{name: "400,000 branches and 10,000 locals", module: guest.Reactor(guest.Function{Export: "on_message", Signature: pointType, Locals: 10_000, Code: branches}).Bytes(), refused: "bytes in a function, the limit is 262144: split the function"},
		{name: "a memory of 4 GiB", module: huge.Bytes(), refused: "65536 pages of memory at the beginning, the limit is 4096"},
		{name: "a start that never ends", module: begins.Bytes(), refused: "40,000,000 units of fuel"},
		{name: "half a module", module: guest.Reactor().Bytes()[:40], refused: "the module"},
		{name: "a script of brackets", module: []byte("export function onMessage(m) { return " + strings.Repeat("[", 2_000_000) + "}"), refused: "nested too deeply"},
	}
}
