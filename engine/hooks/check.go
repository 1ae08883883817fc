package hooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twinbox/twinbox/engine"
)

const (
	maxListed      = 8  // names in a message
	maxListedBytes = 64 // of each
)

// signature is what a hook's function has to look like.
type signature struct {
	name     string
	params   string
	results  string
	optional bool
}

// reactorSignatures are of all functions that the engine calls in a reactor,
// but for those of the points.
func reactorSignatures() []signature {
	return []signature{
		{"hook_abi_version", "", "\x7f", false},
		{"hook_alloc", "\x7f", "\x7f", false},
		{"hook_init", "\x7f\x7f", "\x7e", true},
		{"hook_done", "", "", true},
		{"_initialize", "", "", true},
	}
}

// checkHook is check for a module that metering has rewritten.
func checkHook(metered []byte) (engine.HookShape, []engine.HookPoint, error) {
	o, err := readOutline(metered)
	if err != nil {
		return "", nil, refuse("%s", err)
	}
	return o.check()
}

// check tells a hook's shape and the points that it can be called at, or what
// its author has to change.
func (o *outline) check() (engine.HookShape, []engine.HookPoint, error) {
	if err := o.checkImports(); err != nil {
		return "", nil, err
	}
	var handles []engine.HookPoint
	for _, p := range engine.HookPoints() {
		if _, ok := o.exports[pointName(pointIndex(p))]; ok {
			handles = append(handles, p)
		}
	}
	_, command := o.exports["_start"]
	var err error
	shape := engine.HookReactor
	switch {
	case command && len(handles) > 0:
		err = refuse("the module exports both %s, as a reactor does, and _start, as a command does: build it without a main program "+
			"(Go: -buildmode=c-shared; C: -mexec-model=reactor; Rust: crate-type cdylib), or export no points", pointName(pointIndex(handles[0])))
	case command:
		shape, handles = engine.HookCommand, engine.HookPoints()
		err = o.checkFunction(signature{name: "_start"})
	case len(handles) == 0:
		err = refuse("the module has nothing to call: export a function for a point (on_message, on_attachment, on_reply, on_session), "+
			"or be a WASI program with _start; it exports %s", o.listExports())
	default:
		err = o.checkReactor(handles)
	}
	if err == nil {
		err = o.checkMemory()
	}
	return shape, handles, err
}

func (o *outline) checkReactor(handles []engine.HookPoint) error {
	wanted := reactorSignatures()
	for _, p := range handles {
		wanted = append(wanted, signature{pointName(pointIndex(p)), "\x7f\x7f", "\x7e", false})
	}
	for _, s := range wanted {
		if err := o.checkFunction(s); err != nil {
			return err
		}
	}
	return nil
}

func (o *outline) checkFunction(want signature) error {
	wanted := functionType{want.params, want.results}
	e, ok := o.exports[want.name]
	switch {
	case !ok && want.optional:
		return nil
	case !ok:
		return refuse("the module exports %s, and so has to export the function %s %s as well: an SDK has it", o.listExports(), want.name, wanted)
	case e.kind != functionKind:
		return refuse("the module exports %s as a %s; it has to be a function %s", want.name, kindName(e.kind), wanted)
	}
	found, err := o.typeOf(e)
	if err != nil {
		return refuse("%s", err)
	}
	if found != wanted {
		return refuse("the module's function %s is of type %s; it has to be %s", want.name, found, wanted)
	}
	return nil
}

func (o *outline) checkMemory() error {
	e, ok := o.exports["memory"]
	switch {
	case ok && e.kind != memoryKind:
		return refuse("the module exports memory as a %s; it has to be its memory", kindName(e.kind))
	case !ok && len(o.memories) == 0:
		return refuse("the module has no memory: it has to have one, and to export it as memory")
	case !ok:
		return refuse("the module does not export its memory: it has to, as memory (wasm-ld does by itself; clang -nostdlib: -Wl,--export-memory)")
	case len(o.memories) > 1:
		return refuse("the module has %d memories: a hook has one", len(o.memories))
	}
	return nil
}

// listExports names functions that the module exports, for its author.
func (o *outline) listExports() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(o.exports)) {
		if o.exports[name].kind == functionKind {
			names = append(names, tame(name, maxListedBytes))
		}
	}
	return list(names, "no function")
}

func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	more := ""
	if len(names) > maxListed {
		more = fmt.Sprintf(" and %d more", len(names)-maxListed)
		names = names[:maxListed]
	}
	return strings.Join(names, ", ") + more
}

func kindName(kind byte) string {
	return [...]string{functionKind: "function", tableKind: "table", memoryKind: "memory", globalKind: "global"}[kind&3]
}

// refuse makes an error about the module that is to be installed, or to be
// loaded: a sentence for its author.
func refuse(format string, args ...any) error { return engine.InvalidField("module", format, args...) }

// overLimit is refuse for what is too large.
func overLimit(format string, args ...any) error {
	return &engine.Error{Code: engine.CodeLimitExceeded, Field: []string{"module"}, Message: fmt.Sprintf(format, args...)}
}
