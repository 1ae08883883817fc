package hooks

import "strings"

// checkImports refuses what hooks are not offered, by its name, and says what
// toolchain asked for it and how to build without.
func (o *outline) checkImports() error {
	var refused []imported
	for _, i := range o.imports {
		if i.kind != functionKind {
			return refuse("the module imports a %s, %s.%s: hooks bring their own%s", kindName(i.kind), tame(i.module, maxListedBytes), tame(i.name, maxListedBytes), i.hint())
		}
		if !offered(i.module, i.name) {
			refused = append(refused, i)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	names := make([]string, len(refused))
	for i, r := range refused {
		names[i] = tame(r.module, maxListedBytes) + "." + tame(r.name, maxListedBytes)
	}
	return refuse("the module imports %s: hooks are offered WASI (wasi_snapshot_preview1) and engine.log%s", list(names, ""), refused[0].hint())
}

// hint is how to build a module without an import, where the import tells.
func (i imported) hint() string {
	emscripten := strings.HasPrefix(i.name, "emscripten_") || strings.HasPrefix(i.name, "_emscripten_") || strings.HasPrefix(i.name, "invoke_")
	switch {
	case i.kind == memoryKind && i.name == "__linear_memory", i.kind == tableKind && i.name == "__indirect_function_table" && i.module == "env":
		return ". This is an object file: link it (clang without -c, or wasm-ld)"
	case i.kind == memoryKind:
		return ". Build without --importMemory (AssemblyScript), --import-memory (C, C++, Rust)"
	case i.module == "env" && (i.name == "abort" || i.name == "seed" || i.name == "trace"):
		return ". AssemblyScript: build with --use abort=, seed= or trace= and a function of your own, as the SDK does"
	case i.module == "gojs" || i.module == "go":
		return ". Go: build with GOOS=wasip1, not GOOS=js"
	case i.module == "wbg" || strings.HasPrefix(i.module, "__wbindgen"):
		return ". Rust: build without wasm-bindgen, which is for browsers (a crate pulls it in, often through getrandom's or chrono's features)"
	case strings.HasPrefix(i.module, "wasi:") || i.module == "wasi_unstable":
		return ". Build for WASI preview 1 (Rust: wasm32-wasip1; TinyGo: -target=wasip1)"
	case emscripten || i.module == "a":
		return ". Emscripten: build with -sSTANDALONE_WASM, without exceptions"
	case i.module == "wasi_snapshot_preview1":
		return ". This function is not of WASI preview 1"
	case i.module == "env":
		return ". A function of env that nobody defines was left out when linking: define it, or link without --allow-undefined to see who calls it"
	}
	return ""
}
