package hooks

import (
	"math"

	"github.com/dustin/go-humanize"
	"github.com/tetratelabs/wazero/api"
)

// jsValue is QuickJS's own: 64 bits with the type in the upper half, or a float.
// Who gets one from a function owns a reference, and frees it.
type jsValue uint64

const (
	jsUndefined jsValue = 3 << 32
	jsException jsValue = 6 << 32
	jsObjectTag         = 0xFFFFFFFF
)

func (v jsValue) object() bool { return v>>32 == jsObjectTag }

// scratchBytes is room for what functions take and give by reference: a
// length, then the arguments of a call.
const scratchBytes = 8 + 2*8

// quickJS is QuickJS in an instance: its functions, by the C names. Errors are
// traps; an exception is a value. It serves one call at a time.
type quickJS struct {
	*instance
	context uint64
	scratch uint32
	stack   [6]uint64

	malloc, free, parseJSON, callFunction, freeValue, toCString, freeCString,
	getException, getProperty, getBytes, isPromise, promiseState, promiseResult, jobPending, executeJob api.Function
}

func newQuickJS(i *instance) *quickJS {
	q := &quickJS{instance: i}
	for name, f := range map[string]*api.Function{
		"wasm_malloc": &q.malloc, "wasm_free": &q.free, "JS_ParseJSON": &q.parseJSON, "JS_Call": &q.callFunction,
		"JS_FreeValue": &q.freeValue, "JS_ToCStringLen2": &q.toCString, "JS_FreeCString": &q.freeCString,
		"JS_GetException": &q.getException, "JS_GetPropertyStr": &q.getProperty, "JS_GetUint8Array": &q.getBytes,
		"JS_IsPromise": &q.isPromise, "JS_PromiseState": &q.promiseState, "JS_PromiseResult": &q.promiseResult,
		"qjs_is_job_pending": &q.jobPending, "qjs_execute_pending_job": &q.executeJob,
	} {
		*f = i.module.ExportedFunction(name)
	}
	return q
}

// init makes QuickJS ready, with memory bytes for what scripts make.
func (q *quickJS) init(memory int64) error {
	for _, step := range []struct {
		name string
		args []uint64
	}{
		{"_initialize", nil},
		{"qjs_init", nil},
		{"qjs_set_memory_limit", []uint64{uint64(uint32(min(max(memory, 0), math.MaxInt32)))}},
		{"qjs_set_max_stack_size", []uint64{quickJSStack}},
		{"qjs_set_interrupt_handler", []uint64{1}},
	} {
		if _, err := q.named(step.name, step.args...); err != nil {
			return err
		}
	}
	at, err := q.named("qjs_get_context_ptr")
	if err != nil {
		return err
	}
	q.context = at
	q.scratch, err = q.allocate(scratchBytes)
	return err
}

// named runs a function that is seldom needed, or while another runs.
func (q *quickJS) named(name string, args ...uint64) (uint64, error) {
	stack := make([]uint64, max(len(args), 1))
	copy(stack, args)
	err := q.module.ExportedFunction(name).CallWithStack(q.ctx, stack)
	return stack[0], err
}

// run calls a function of no or one result.
func (q *quickJS) run(f api.Function, args ...uint64) (uint64, error) {
	q.stack[0] = 0
	copy(q.stack[:], args)
	if err := f.CallWithStack(q.ctx, q.stack[:]); err != nil {
		return 0, err
	}
	return q.stack[0], nil
}

// allocate takes n bytes, to be given to free.
func (q *quickJS) allocate(n int) (uint32, error) {
	at, err := q.run(q.malloc, uint64(n))
	if err != nil {
		return 0, err
	}
	if at == 0 {
		return 0, faultf("ran out of memory: there is no room for an input of %s bytes", humanize.Comma(int64(n)))
	}
	return uint32(at), nil
}

// put copies b, and a zero after it, into new room.
func (q *quickJS) put(b []byte) (uint32, error) {
	at, err := q.allocate(len(b) + 1)
	if err != nil {
		return 0, err
	}
	if !q.mem.Write(at, b) || !q.mem.WriteByte(at+uint32(len(b)), 0) {
		return 0, errBeyondMemory
	}
	return at, nil
}

// errBeyondMemory is QuickJS giving a pointer that is none.
var errBeyondMemory = faultf("the JavaScript engine is broken: it points beyond its memory")

// property returns a property of an object.
func (q *quickJS) property(object jsValue, name string) (jsValue, error) {
	at, err := q.put([]byte(name))
	if err != nil {
		return 0, err
	}
	v, err := q.run(q.getProperty, q.context, uint64(object), uint64(at))
	if err != nil {
		return 0, err
	}
	_, err = q.run(q.free, uint64(at))
	return jsValue(v), err
}

// parse makes a value of JSON.
func (q *quickJS) parse(json []byte) (jsValue, error) {
	at, err := q.put(json)
	if err != nil {
		return 0, err
	}
	v, err := q.run(q.parseJSON, q.context, uint64(at), uint64(len(json)), uint64(at)+uint64(len(json)))
	if err != nil {
		return 0, err
	}
	_, err = q.run(q.free, uint64(at))
	return jsValue(v), err
}

// call2 calls a function of two arguments, which stay the caller's.
func (q *quickJS) call2(f, a, b jsValue) (jsValue, error) {
	at := q.scratch + 8
	if !q.mem.WriteUint64Le(at, uint64(a)) || !q.mem.WriteUint64Le(at+8, uint64(b)) {
		return 0, errBeyondMemory
	}
	v, err := q.run(q.callFunction, q.context, uint64(f), uint64(jsUndefined), 2, uint64(at))
	return jsValue(v), err
}

func (q *quickJS) release(v jsValue) error {
	if v>>63 == 0 { // a number or the like
		return nil
	}
	_, err := q.run(q.freeValue, q.context, uint64(v))
	return err
}

// utf8 returns a string's UTF-8, which is the guest's memory until at is given
// to freeText; nil is an exception.
func (q *quickJS) utf8(v jsValue) (b []byte, at uint32, err error) {
	p, err := q.run(q.toCString, q.context, uint64(q.scratch), uint64(v), 0)
	if err != nil || p == 0 {
		return nil, 0, err
	}
	return q.slice(uint32(p))
}

func (q *quickJS) freeText(at uint32) error {
	_, err := q.run(q.freeCString, q.context, uint64(at))
	return err
}

// bytes returns a Uint8Array's bytes, which are the guest's memory; nil is an
// exception: it is none, or is detached.
func (q *quickJS) bytes(v jsValue) ([]byte, error) {
	p, err := q.run(q.getBytes, q.context, uint64(q.scratch), uint64(v))
	if err != nil || p == 0 {
		return nil, err
	}
	b, _, err := q.slice(uint32(p))
	return b, err
}

// slice is the memory at a pointer, whose length lies in the scratch.
func (q *quickJS) slice(at uint32) ([]byte, uint32, error) {
	n, ok := q.mem.ReadUint32Le(q.scratch)
	if !ok {
		return nil, 0, errBeyondMemory
	}
	b, ok := q.mem.Read(at, n)
	if !ok {
		return nil, 0, errBeyondMemory
	}
	return b, at, nil
}

// hostFunction makes a function that calls host_call.
func (q *quickJS) hostFunction(name string) (jsValue, error) {
	at, err := q.put([]byte(name))
	if err != nil {
		return 0, err
	}
	handle, err := q.named("qjs_new_host_function", uint64(at), uint64(len(name)), 0)
	if err != nil {
		return 0, err
	}
	return q.behind(handle)
}

// behind is the value that lies at a handle of QuickJS's, which keeps it.
func (q *quickJS) behind(handle uint64) (jsValue, error) {
	v, ok := q.mem.ReadUint64Le(uint32(handle))
	if !ok {
		return 0, errBeyondMemory
	}
	return jsValue(v), nil
}
