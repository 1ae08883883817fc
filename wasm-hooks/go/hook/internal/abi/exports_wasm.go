package abi

import "unsafe"

const version = 1

//go:wasmexport hook_abi_version
func hookABIVersion() uint32 { return version }

//go:wasmexport hook_alloc
func hookAlloc(size uint32) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(Alloc(size)))))
}

// The engine writes inputs nowhere but to where hook_alloc said.
//
//go:wasmexport hook_init
func hookInit(_, size uint32) uint64 { return pack(Init(size)) }

//go:wasmexport hook_done
func hookDone() { Done() }

//go:wasmimport engine log
func engineLog(level uint32, text *byte, size uint32)

// Call answers as the engine takes it.
func (p *Point) Call(size uint32) uint64 { return pack(p.Answer(size)) }

// pack is where an answer is, and its size; 0 is none.
func pack(answer []byte) uint64 {
	if len(answer) == 0 {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(answer))))<<32 | uint64(len(answer))
}

// Log writes to the hook's log.
func Log(level int, text string) {
	if text != "" {
		engineLog(uint32(level), unsafe.StringData(text), uint32(len(text)))
	}
}
