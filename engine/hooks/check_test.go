package hooks_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

const fdWrite = "i32 i32 i32 i32->i32"

func TestWhatIsNotAHookIsRefusedWithWhatToDo(t *testing.T) {
	s := mustOpenLibrary(t)
	for name, c := range map[string]struct {
		module assembly
		says   string
	}{
		"nothing to call":         {reactor().without("on_message").with("onMessage", "i32 i32->i64", "\x42\x00"), "it exports hook_abi_version, hook_alloc, onMessage"},
		"nothing exported":        {assembly{memories: []string{onePage}}, "it exports no function"},
		"both shapes":             {reactor().with("_start", "->", ""), "both on_message, as a reactor does, and _start"},
		"no version":              {reactor().without("hook_abi_version"), "the function hook_abi_version () → i32"},
		"no room":                 {reactor().without("hook_alloc"), "the function hook_alloc (i32) → i32"},
		"another version's type":  {reactor().with("hook_abi_version", "i32->i32", "\x41\x01"), "hook_abi_version is of type (i32) → i32; it has to be () → i32"},
		"64 bits of room":         {reactor().with("hook_alloc", "i64->i64", "\x42\x01"), "hook_alloc is of type (i64) → i64; it has to be (i32) → i32"},
		"a point of two results":  {reactor().with("on_message", "i32 i32->i32 i32", "\x41\x00\x41\x00"), "on_message is of type (i32, i32) → i32, i32; it has to be (i32, i32) → i64"},
		"a later point":           {reactor().with("on_session", "->", ""), "on_session is of type () → nothing"},
		"an init of floats":       {reactor().with("hook_init", "f64->i64", "\x42\x00"), "hook_init is of type (f64) → i64; it has to be (i32, i32) → i64"},
		"a done with a result":    {reactor().with("hook_done", "->i32", "\x41\x00"), "hook_done is of type () → i32; it has to be () → nothing"},
		"an initialize of one":    {reactor().with("_initialize", "i32->", ""), "_initialize is of type (i32) → nothing"},
		"a start of one":          {command().with("_start", "i32->", ""), "_start is of type (i32) → nothing"},
		"a point that is memory":  {exporting(reactor().without("on_message"), "\x0aon_message\x02\x00"), "on_message as a memory; it has to be a function (i32, i32) → i64"},
		"memory that is a point":  {assembly{functions: reactor().functions, memories: []string{onePage}, exports: []string{"\x06memory\x00\x00"}}, "memory as a function"},
		"memory kept":             {assembly{functions: reactor().functions, memories: []string{onePage}}, "does not export its memory"},
		"no memory":               {assembly{functions: reactor().functions}, "has no memory"},
		"a command's memory kept": {assembly{functions: command().functions, memories: []string{onePage}}, "does not export its memory"},
		"an unknown module":       {reactor().importing(imported{"acme", "magic", "->", ""}), "acme.magic: hooks are offered WASI (wasi_snapshot_preview1) and engine.log"},
		"several unknown":         {reactor().importing(imported{"a1", "x", "->", ""}, imported{"b1", "y", "->", ""}), "a1.x, b1.y"},
		"many unknown":            {reactor().importing(slices.Repeat([]imported{{"m", "f", "->", ""}}, 20)...), "and 12 more"},
		"an unknown name":         {reactor().importing(imported{"engine", "kv_put", "->", ""}), "engine.kv_put"},
		"a name to mislead":       {reactor().importing(imported{"x", "a\nERROR: all is lost\x1b[2J", "->", ""}), "x.a ERROR: all is lost�[2J"},
		"a long name":             {reactor().importing(imported{"x", strings.Repeat("y", 10_000), "->", ""}), "yyy…"},
		"AssemblyScript":          {reactor().importing(imported{"env", "abort", "i32 i32 i32 i32->", ""}), "env.abort: hooks are offered WASI (wasi_snapshot_preview1) and engine.log. AssemblyScript: build with --use abort="},
		"Go for browsers":         {reactor().importing(imported{"gojs", "runtime.wasmExit", "i32->", ""}), "GOOS=wasip1"},
		"Rust for browsers":       {reactor().importing(imported{"wbg", "__wbindgen_throw", "i32 i32->", ""}), "without wasm-bindgen"},
		"WASI's second preview":   {reactor().importing(imported{"wasi:cli/stdout@0.2.0", "get-stdout", "->i32", ""}), "preview 1"},
		"a WASI of its own":       {reactor().importing(imported{"wasi_snapshot_preview1", "fd_explode", fdWrite, ""}), "This function is not of WASI preview 1"},
		"Emscripten":              {reactor().importing(imported{"env", "emscripten_resize_heap", "i32->i32", ""}), "-sSTANDALONE_WASM"},
		"an undefined function":   {reactor().importing(imported{"env", "strlcpy", "i32 i32 i32->i32", ""}), "nobody defines"},
		"an object file":          {assembly{functions: reactor().functions, imports: []imported{{"env", "__linear_memory", "", "\x02" + onePage}}}, "link it"},
		"imported memory":         {assembly{functions: reactor().functions, imports: []imported{{"env", "memory", "", "\x02" + onePage}}}, "imports a memory, env.memory: hooks bring their own. Build without --importMemory"},
		"an imported table":       {reactor().importing(imported{"env", "t", "", "\x01\x70\x00\x01"}), "imports a table, env.t"},
		"an imported global":      {reactor().importing(imported{"env", "g", "", "\x03\x7f\x00"}), "imports a global, env.g"},
		"code that is not valid":  {reactor().with("on_message", "i32 i32->i64", "\x41\x00"), "not valid"},
		"the meter's own exports": {reactor().with("twinbox:fuel", "->", ""), "twinbox:"},
	} {
		t.Run(name, func(t *testing.T) { s.mustRefuse(t, c.module.bytes(), engine.CodeInvalidInput, c.says) })
	}
}

// mustRefuse checks that a module is refused, and that nothing is left of it.
func (s *shelf) mustRefuse(t *testing.T, module []byte, code engine.Code, says string) {
	t.Helper()
	_, err := s.Add(t.Context(), module)
	e, ok := errors.AsType[*engine.Error](err)
	if !ok || e.Code != code || !slices.Equal(e.Field, []string{"module"}) {
		t.Fatalf("refused with %#v", err)
	}
	if !strings.Contains(e.Message, says) || len(e.Message) > 1000 {
		t.Fatalf("refused, but not with %q:\n%s", says, e.Message)
	}
	for _, folder := range []string{"modules", "cache"} {
		if left := s.list(folder); len(left) > 0 {
			t.Fatalf("%s has %v", folder, left)
		}
	}
}

func exporting(a assembly, export string) assembly {
	a.exports = append(a.exports, export)
	return a
}

func TestWhatIsNoModuleIsRefusedByWhatItLooksLike(t *testing.T) {
	s := mustOpenLibrary(t)
	for _, c := range []struct{ begins, says string }{
		{"", "empty"},
		{" \n\t", "empty"},
		{"\x00asm", "not of version 1"},
		{"\x00asm\x02\x00\x00\x00", "not of version 1"},
		{"\x00asm\x0d\x00\x01\x00", "component"},
		{"(module)", "wat2wasm"},
		{"\ufeff  ;; a hook\n(module)", "wat2wasm"},
		{"\x1f\x8b\x08\x00", "gzip"},
		{"PK\x03\x04", "zip"},
		{"\x7fELF\x02\x01", "GOOS=wasip1 GOARCH=wasm"},
		{"MZ\x90\x00", "Windows"},
		{"!<arch>\ngo.o", "-buildmode=c-shared"},
		{"BC\xc0\xde", "bitcode"},
		{"<!DOCTYPE html><title>Not Found</title>", "HTML"},
		{"\xff\xfee\x00x\x00", "UTF-8"},
		{"export function onMessage\x00() {}", "UTF-8"},
	} {
		s.mustRefuse(t, []byte(c.begins), engine.CodeInvalidInput, c.says)
	}
}

func TestHooksTellTheirShapeAndPoints(t *testing.T) {
	s := mustOpenLibrary(t)
	log := imported{"engine", "log", "i32 i32 i32->", ""}
	write := imported{"wasi_snapshot_preview1", "fd_write", fdWrite, ""}
	all := reactor().with("on_session", "i32 i32->i64", "\x42\x00").with("on_reply", "i32 i32->i64", "\x42\x00").with("on_attachment", "i32 i32->i64", "\x42\x00").
		with("hook_init", "i32 i32->i64", "\x42\x00").with("hook_done", "->", "").with("_initialize", "->", "").importing(log, write)
	for name, c := range map[string]struct {
		module  assembly
		shape   engine.HookShape
		handles []engine.HookPoint
	}{
		"reactor": {reactor(), engine.HookReactor, []engine.HookPoint{engine.HookOnMessage}},
		"all":     {all, engine.HookReactor, engine.HookPoints()},
		"command": {command().importing(write), engine.HookCommand, engine.HookPoints()},
	} {
		if v := s.mustAdd(c.module.bytes()); v.Shape != c.shape || !slices.Equal(v.Handles, c.handles) {
			t.Errorf("%s is a %s of %v", name, v.Shape, v.Handles)
		}
	}
}

// The modules that the design names, and that must never reach a compiler.
func TestModulesBeyondTheLimitsAreRefusedByName(t *testing.T) {
	s := mustOpenLibrary(t)
	s.LimitCompiler(compileTime, 512<<20) // much less than they would take
	million := "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03" + sized(unsigned(1_000_000)+strings.Repeat("\x00", 1_000_000))
	branchy := strings.Repeat("\x02\x40\x20\x00\x0d\x00\x0b", 400_000) + "\x42\x00"
	for name, c := range map[string]struct {
		module []byte
		says   string
	}{
		"100 MiB":                         {append(reactor().bytes(), make([]byte, 100<<20)...), "104857"},
		"a million functions":             {[]byte(million), "1000000 functions"},
		"400,000 branches, 10,000 locals": {reactor().with("on_message", "i32 i32->i64", "locals\x01"+unsigned(10_000)+"\x7f"+branchy).bytes(), "bytes in a function, the limit is 262144: split the function"},
		"400,000 branches":                {reactor().with("on_message", "i32 i32->i64", branchy).bytes(), "bytes in a function, the limit is 262144: split the function"},
		"10,000 locals":                   {reactor().with("on_message", "i32 i32->i64", "locals\x01"+unsigned(10_000)+"\x7f\x42\x00").bytes(), "10002 locals in a function, the limit is 2000"},
		"a memory of 4 GiB":               {assembly{functions: reactor().functions, memories: []string{"\x00" + unsigned(1<<16)}}.bytes(), "65536 pages of memory at the beginning, the limit is 4096"},
	} {
		t.Run(name, func(t *testing.T) { s.mustRefuse(t, c.module, engine.CodeLimitExceeded, c.says) })
	}
}
