//go:build wasip1

// The guest does what the benchmark's hooks do, as plug-ins for Extism do it.
// Extism's own library for guests is as much code around the same imports.
package main

import (
	"encoding/binary"
	"encoding/json"
	"strings"
)

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoad8(offset uint64) uint32

//go:wasmimport extism:host/env input_load_u64
func inputLoad64(offset uint64) uint64

//go:wasmimport extism:host/env alloc
func alloc(size uint64) uint64

//go:wasmimport extism:host/env store_u8
func store8(offset uint64, v uint32)

//go:wasmimport extism:host/env store_u64
func store64(offset, v uint64)

//go:wasmimport extism:host/env output_set
func outputSet(offset, size uint64)

// input copies the input in words: a plug-in cannot see the memory it is in.
func input() []byte {
	b := make([]byte, inputLength())
	i := 0
	for ; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], inputLoad64(uint64(i)))
	}
	for ; i < len(b); i++ {
		b[i] = byte(inputLoad8(uint64(i)))
	}
	return b
}

func output(b []byte) {
	at := alloc(uint64(len(b)))
	i := 0
	for ; i+8 <= len(b); i += 8 {
		store64(at+uint64(i), binary.LittleEndian.Uint64(b[i:]))
	}
	for ; i < len(b); i++ {
		store8(at+uint64(i), uint32(b[i]))
	}
	outputSet(at, uint64(len(b)))
}

//go:wasmexport pass
func pass() int32 { return 0 }

type content struct {
	Sender   string `json:"sender"`
	SenderID string `json:"senderId"`
	Text     string `json:"text"`
}

//go:wasmexport rewrite
func rewrite() int32 {
	var c content
	if json.Unmarshal(input(), &c) != nil {
		return 1
	}
	c.Text = strings.ToUpper(c.Text)
	b, err := json.Marshal(c)
	if err != nil {
		return 1
	}
	output(b)
	return 0
}

//go:wasmexport echo
func echo() int32 {
	output(input())
	return 0
}

func main() {}
