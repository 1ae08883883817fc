package hooks

import (
	"bytes"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// isModule tells a WebAssembly module, by its first bytes, from the text of a
// script. What is neither is refused by what it looks like.
func isModule(b []byte) (bool, error) {
	if most := metering.DefaultLimits().ModuleBytes; len(b) > most {
		return false, overLimit("the module has %d bytes, more than the %d that are allowed: leave debug information out (Go: -ldflags='-s -w'; C and Rust: strip)", len(b), most)
	}
	if bytes.HasPrefix(b, []byte("\x00asm")) {
		switch version := b[4:min(8, len(b))]; {
		case string(version) == "\x01\x00\x00\x00":
			return true, nil
		case string(version[min(2, len(version)):]) == "\x01\x00":
			return false, refuse("this is a component; hooks are core modules: build for WASI preview 1 (Rust: wasm32-wasip1; TinyGo: -target=wasip1), without a step that makes a component of the module")
		default:
			return false, refuse("this is WebAssembly, but not of version 1")
		}
	}
	for _, f := range []struct{ begins, what string }{
		{"\x1f\x8b", "a gzip file: unpack it"},
		{"PK\x03\x04", "a zip file: unpack it"},
		{"\x28\xb5\x2f\xfd", "a zstd file: unpack it"},
		{"\x7fELF", "a program for this machine, not for WebAssembly: build for wasm32 (Go: GOOS=wasip1 GOARCH=wasm)"},
		{"\xcf\xfa\xed\xfe", "a program for this machine, not for WebAssembly: build for wasm32 (Go: GOOS=wasip1 GOARCH=wasm)"},
		{"\xca\xfe\xba\xbe", "a Java class or a program for macOS: build for wasm32"},
		{"MZ", "a program for Windows: build for wasm32"},
		{"BC\xc0\xde", "LLVM bitcode: link it to a WebAssembly module"},
		{"!<arch>\n", "a library: link it to a WebAssembly module (Go: -buildmode=c-shared, Rust: crate-type cdylib)"},
	} {
		if bytes.HasPrefix(b, []byte(f.begins)) {
			return false, refuse("this is %s", f.what)
		}
	}
	text := bytes.TrimLeft(b, " \t\r\n\ufeff")
	switch {
	case !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0:
		return false, refuse("this is neither a WebAssembly module, which begins with \\0asm, nor a script, which is text in UTF-8")
	case bytes.HasPrefix(text, []byte("(module")) || bytes.HasPrefix(text, []byte("(component")) || bytes.HasPrefix(text, []byte(";;")):
		return false, refuse("this is WebAssembly as text: make a module of it with wat2wasm or wasm-tools parse")
	case bytes.HasPrefix(text, []byte("<")):
		return false, refuse("this is HTML or XML, perhaps an error page that was downloaded in place of a file")
	case len(text) == 0:
		return false, refuse("this is empty: give a WebAssembly module, or the text of a script")
	}
	return false, nil
}
