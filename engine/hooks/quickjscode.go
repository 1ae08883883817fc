package hooks

import "bytes"

const (
	asProgram    = 0 // flags of compile
	asModule     = 1
	readBytecode = 1 // of JS_ReadObject
)

// compile makes bytecode of source, whose name is told in stack traces; nil is
// an exception. The bytecode is for every instance of the same QuickJS.
func (q *quickJS) compile(source []byte, name string, flags uint64) ([]byte, error) {
	at, err := q.put(source)
	if err != nil {
		return nil, err
	}
	nameAt, err := q.put([]byte(name))
	if err != nil {
		return nil, err
	}
	code, err := q.named("qjs_compile", uint64(at), uint64(len(source)), uint64(nameAt), flags, 0, uint64(q.scratch))
	if err != nil || code == 0 {
		return nil, err
	}
	b, _, err := q.slice(uint32(code))
	if err != nil {
		return nil, err
	}
	b = bytes.Clone(b)
	for _, p := range []uint64{uint64(at), uint64(nameAt), code} {
		if _, err := q.run(q.free, p); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// load makes a function, or a module, of bytecode.
func (q *quickJS) load(code []byte) (jsValue, error) {
	at, err := q.put(code)
	if err != nil {
		return 0, err
	}
	v, err := q.named("JS_ReadObject", q.context, uint64(at), uint64(len(code)), readBytecode)
	if err != nil {
		return 0, err
	}
	_, err = q.run(q.free, uint64(at))
	return jsValue(v), err
}

// eval runs what load returned, which it takes.
func (q *quickJS) eval(code jsValue) (jsValue, error) {
	v, err := q.named("JS_EvalFunction", q.context, uint64(code))
	return jsValue(v), err
}

// evalModule runs a module that load returned, and returns its namespace, once
// what it awaits has settled.
func (q *quickJS) evalModule(module jsValue) (namespace jsValue, ran jsValue, err error) {
	if failed, err := q.named("JS_ResolveModule", q.context, uint64(module)); err != nil || int32(failed) < 0 {
		return 0, jsException, err
	}
	if ran, err = q.eval(module); err != nil {
		return 0, 0, err
	}
	// The context keeps the module, to which the value's lower half points.
	v, err := q.named("JS_GetModuleNamespace", q.context, uint64(uint32(module)))
	return jsValue(v), ran, err
}
