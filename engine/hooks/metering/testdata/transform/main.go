// The guest transform is a hook as its authors write them: it parses a message
// as JSON, upper-cases its text, and answers with the new message.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o transform.wasm main.go
package main

import (
	"encoding/json"
	"runtime"
	"strings"
	"unsafe"
)

type message struct {
	Kind string         `json:"kind"`
	Text string         `json:"text"`
	Meta map[string]any `json:"meta"`
}

var input, output []byte

//go:wasmexport hook_alloc
func alloc(size uint32) uint32 {
	if uint32(cap(input)) < size {
		input = make([]byte, size)
	}
	input = input[:cap(input)]
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
}

//go:wasmexport on_message
func onMessage(_, length uint32) uint64 {
	var m message
	if err := json.Unmarshal(input[:length], &m); err != nil {
		return 0
	}
	m.Text = strings.ToUpper(m.Text)
	output, _ = json.Marshal(m)
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | uint64(len(output))
}

//go:wasmexport hook_done
func done() { runtime.Gosched() }

func main() {}
