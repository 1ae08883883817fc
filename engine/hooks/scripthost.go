package hooks

import (
	"context"
	"math"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// instantiateScriptImports puts what QuickJS imports, beside WASI, into a
// runtime. It is not offered to hooks.
func instantiateScriptImports(ctx context.Context, r wazero.Runtime) error {
	env := r.NewHostModuleBuilder("env")
	for _, f := range []struct {
		name, params, results string
		call                  func(g *scriptGuest, stack []uint64)
	}{
		{"host_call", "iiiii", "i", (*scriptGuest).hostCall},
		{"host_interrupt", "", "i", func(g *scriptGuest, stack []uint64) {
			stack[0] = 0
			if g.interrupt() {
				stack[0] = 1
			}
		}},
		// There is UTC, there are no modules, and nobody is told of a rejection
		// that nothing handles: it has not been asked for.
		{"host_get_timezone_offset", "ii", "i", (*scriptGuest).none},
		{"host_module_load", "ii", "i", (*scriptGuest).none},
		{"host_module_normalize", "ii", "i", (*scriptGuest).none},
		{"host_promise_rejection", "iii", "", func(*scriptGuest, []uint64) {}},
	} {
		call := f.call
		env.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			call(ctx.Value(scriptKey{}).(*scriptGuest), stack)
		}), valueTypes(f.params), valueTypes(f.results)).Export(f.name)
	}
	_, err := env.Instantiate(ctx)
	return err
}

func (*scriptGuest) none(stack []uint64) { stack[0] = 0 }

// hostCall is the prelude's log(level, line), the one function of the host's
// that it has. It returns undefined.
func (g *scriptGuest) hostCall(stack []uint64) {
	if count, list := uint32(stack[3]), uint32(stack[4]); count == 2 {
		g.logValues(list)
	}
	undefined, err := g.named("qjs_get_undefined")
	if err != nil {
		panic(err) // as the same in the module would
	}
	stack[0] = undefined
}

// logValues takes the addresses of values.
func (g *scriptGuest) logValues(list uint32) {
	level, ok := g.indirect(list)
	line, ok2 := g.indirect(list + 4)
	if !ok || !ok2 {
		return
	}
	text, err := g.nestedText(line, g.log.wanted(math.MaxInt32))
	if err != nil {
		panic(err)
	}
	if g.gauge.Charge(uint64(len(text)) * fuelPerLoggedByte) {
		g.log.line([]string{levelDebug, levelInfo, levelWarn, levelError}[uint32(level)%4], text)
	}
}

// nestedText is a string's first limit bytes, while a call of QuickJS is
// running. "" may be an exception.
func (g *scriptGuest) nestedText(v uint64, limit int) (string, error) {
	at, err := g.named("JS_ToCStringLen2", g.context, uint64(g.scratch), v, 0)
	if err != nil || at == 0 {
		return "", err
	}
	b, _, err := g.slice(uint32(at))
	if err != nil {
		return "", err
	}
	text := string(b[:min(len(b), limit)])
	_, err = g.named("JS_FreeCString", g.context, at)
	return text, err
}

func (g *scriptGuest) indirect(at uint32) (uint64, bool) {
	value, ok := g.mem.ReadUint32Le(at)
	if !ok {
		return 0, false
	}
	return g.mem.ReadUint64Le(value)
}
