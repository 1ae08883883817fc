package graph_test

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// guest is a hook of a few instructions, whose answer is the same each time.
type guest struct {
	// point is the function that it exports.
	point string
	// answer is JSON; "" passes.
	answer string
	// says is what each call logs.
	says string
	// refuses is what hook_init answers to any configuration but null.
	refuses string
	traps   bool
}

// The guest's memory: its texts, then room for the input.
const (
	answerAt, saysAt, refusesAt, inputAt = 1 << 10, 2 << 10, 3 << 10, 64 << 10
	guestPages                           = 17
)

// The types of the guest's functions, by number: none to i32, i32 to i32, two
// i32 to i64, three i32 to none.
var guestTypes = []string{"\x60\x00\x01\x7f", "\x60\x01\x7f\x01\x7f", "\x60\x02\x7f\x7f\x01\x7e", "\x60\x03\x7f\x7f\x7f\x00"}

// base64 assembles the guest, as the API takes it.
func (g guest) base64() string {
	const info = 1
	point := ""
	if g.traps {
		point = "\x00" // unreachable
	}
	if g.says != "" {
		point += i32(info) + i32(saysAt) + i32(len(g.says)) + "\x10\x00" // call engine.log
	}
	point += packed(answerAt, g.answer)
	// If the input's length is not that of null, the answer is a refusal.
	initialise := "\x20\x01" + i32(len("null")) + "\x47\x04\x7e" + packed(refusesAt, g.refuses) + "\x05" + packed(refusesAt, "") + "\x0b"

	module := "\x00asm\x01\x00\x00\x00" +
		section(1, guestTypes...) +
		section(2, text("engine")+text("log")+"\x00\x03") +
		section(3, "\x00", "\x01", "\x02", "\x02") +
		section(5, "\x00"+string(rune(guestPages))) +
		section(7, text("memory")+"\x02\x00", text("hook_abi_version")+"\x00\x01", text("hook_alloc")+"\x00\x02",
			text("hook_init")+"\x00\x03", text(g.point)+"\x00\x04") +
		section(10, body(i32(1)), body(i32(inputAt)), body(initialise), body(point)) +
		section(11, data(answerAt, g.answer), data(saysAt, g.says), data(refusesAt, g.refuses))
	return base64.StdEncoding.EncodeToString([]byte(module))
}

// packed pushes the address and length of an answer, 0 for none.
func packed(at int, answer string) string {
	if answer == "" {
		return "\x42\x00"
	}
	return "\x42" + signed(int64(at)<<32|int64(len(answer)))
}

func section(id byte, items ...string) string {
	content := unsigned(len(items))
	for _, item := range items {
		content += item
	}
	return string([]byte{id}) + text(content)
}

func body(instructions string) string { return text("\x00" + instructions + "\x0b") }

func data(at int, s string) string { return "\x00" + i32(at) + "\x0b" + text(s) }

func i32(n int) string { return "\x41" + signed(int64(n)) }

func text(s string) string { return unsigned(len(s)) + s }

func unsigned(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

// signed is n in LEB128.
func signed(n int64) string {
	var b []byte
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return string(append(slices.Clip(b), low))
		}
		b = append(b, low|0x80)
	}
}
