// The guest upper is a hook as its authors write them, without an SDK: it
// parses a message, upper-cases its text, and answers with the new content.
// A message without text passes, and so does a session. An attachment is sent
// back as it came.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o upper.wasm main.go
package main

import (
	"encoding/binary"
	"encoding/json"
	"runtime"
	"strings"
	"unsafe"
)

type content struct {
	Text string         `json:"text"`
	Meta map[string]any `json:"meta,omitempty"`
}

var input, output []byte

//go:wasmexport hook_abi_version
func version() uint32 { return 1 }

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
	var m struct {
		Content content `json:"content"`
	}
	if err := json.Unmarshal(input[:length], &m); err != nil || m.Content.Text == "" {
		return 0
	}
	m.Content.Text = strings.ToUpper(m.Content.Text)
	output, _ = json.Marshal(struct {
		Action  string  `json:"action"`
		Content content `json:"content"`
	}{"replace", m.Content})
	return answer()
}

//go:wasmexport on_attachment
func onAttachment(_, length uint32) uint64 {
	const head = `{"action":"replace","bytes":"replace"}`
	n := binary.LittleEndian.Uint32(input)
	output = append(binary.LittleEndian.AppendUint32(output[:0], uint32(len(head))), head...)
	output = append(output, input[4+n:length]...)
	return answer()
}

//go:wasmexport on_session
func onSession(_, _ uint32) uint64 { return 0 }

func answer() uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | uint64(len(output))
}

//go:wasmexport hook_done
func done() { runtime.Gosched() }

func main() {}
