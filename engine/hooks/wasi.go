package hooks

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

const (
	wasiModule   = "wasi_snapshot_preview1"
	engineModule = "engine"
)

// errno is a WASI error, numbered as in its specification.
type errno uint64

const (
	success   errno = 0
	errBadFD  errno = 8
	errFault  errno = 21
	errInval  errno = 28
	errNoSys  errno = 52
	errSeek   errno = 70
	errNoFuel errno = 42 // nobody sees it: the guest traps next
)

// What host functions cost beside the call itself, in fuel. Copying costs a
// unit for 8 bytes, as it does in a module.
const (
	fuelPerVector       = 16
	fuelPerSubscription = 64
	fuelPerRandomByte   = 1
	fuelPerLoggedByte   = 16
)

// hostFunction is a function of WASI. There are no files and no sockets, so
// most find nothing to work on.
type hostFunction struct {
	name string
	// params are the types: i is i32, I is i64.
	params string
	call   func(i *instance, p []uint64) errno
}

// wasiFunctions returns all of wasi_snapshot_preview1 but proc_exit, which has
// no result.
func wasiFunctions() []hostFunction {
	noFile := func(*instance, []uint64) errno { return errBadFD }
	// standard streams accept what a runtime does to them as a matter of course.
	stream := func(result errno) func(*instance, []uint64) errno {
		return func(_ *instance, p []uint64) errno {
			if uint32(p[0]) > 2 {
				return errBadFD
			}
			return result
		}
	}
	return []hostFunction{
		{"args_get", "ii", (*instance).argsGet},
		{"args_sizes_get", "ii", (*instance).argsSizes},
		{"clock_res_get", "ii", (*instance).clockRes},
		{"clock_time_get", "iIi", (*instance).clockTime},
		{"environ_get", "ii", func(*instance, []uint64) errno { return success }},
		{"environ_sizes_get", "ii", func(i *instance, p []uint64) errno { return i.put32(uint32(p[0]), 0, uint32(p[1]), 0) }},
		{"fd_advise", "iIIi", noFile},
		{"fd_allocate", "iII", noFile},
		{"fd_close", "i", stream(success)},
		{"fd_datasync", "i", stream(success)},
		{"fd_fdstat_get", "ii", (*instance).fdStat},
		{"fd_fdstat_set_flags", "ii", stream(success)},
		{"fd_fdstat_set_rights", "iII", noFile},
		{"fd_filestat_get", "ii", (*instance).fileStat},
		{"fd_filestat_set_size", "iI", noFile},
		{"fd_filestat_set_times", "iIIi", noFile},
		{"fd_pread", "iiiIi", stream(errSeek)},
		{"fd_prestat_dir_name", "iii", noFile},
		{"fd_prestat_get", "ii", noFile},
		{"fd_pwrite", "iiiIi", stream(errSeek)},
		{"fd_read", "iiii", (*instance).fdRead},
		{"fd_readdir", "iiiIi", noFile},
		{"fd_renumber", "ii", noFile},
		{"fd_seek", "iIii", stream(errSeek)},
		{"fd_sync", "i", stream(success)},
		{"fd_tell", "ii", stream(errSeek)},
		{"fd_write", "iiii", (*instance).fdWrite},
		{"path_create_directory", "iii", noFile},
		{"path_filestat_get", "iiiii", noFile},
		{"path_filestat_set_times", "iiiiIIi", noFile},
		{"path_link", "iiiiiii", noFile},
		{"path_open", "iiiiiIIii", noFile},
		{"path_readlink", "iiiiii", noFile},
		{"path_remove_directory", "iii", noFile},
		{"path_rename", "iiiiii", noFile},
		{"path_symlink", "iiiii", noFile},
		{"path_unlink_file", "iii", noFile},
		{"poll_oneoff", "iiii", (*instance).poll},
		{"proc_raise", "i", func(*instance, []uint64) errno { return errNoSys }},
		{"random_get", "ii", (*instance).randomGet},
		{"sched_yield", "", func(*instance, []uint64) errno { return success }},
		{"sock_accept", "iii", noFile},
		{"sock_recv", "iiiiii", noFile},
		{"sock_send", "iiiii", noFile},
		{"sock_shutdown", "ii", noFile},
	}
}

// offered tells whether a module may import a function of that name.
func offered(module, name string) bool {
	switch module {
	case engineModule:
		return name == "log"
	case wasiModule:
		for _, f := range wasiFunctions() {
			if f.name == name {
				return true
			}
		}
		return name == "proc_exit"
	}
	return false
}

// instantiateImports puts what is offered into a runtime.
func instantiateImports(ctx context.Context, r wazero.Runtime) error {
	wasi := r.NewHostModuleBuilder(wasiModule)
	for _, f := range wasiFunctions() {
		call := f.call
		wasi.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
			stack[0] = uint64(call(caller(ctx, m), stack))
		}), valueTypes(f.params), valueTypes("i")).Export(f.name)
	}
	wasi.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, stack []uint64) {
		panic(sys.NewExitError(uint32(stack[0]))) // how wazero ends a guest
	}), valueTypes("i"), nil).Export("proc_exit")
	if _, err := wasi.Instantiate(ctx); err != nil {
		return err
	}
	own := r.NewHostModuleBuilder(engineModule)
	own.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
		caller(ctx, m).logLine(int32(stack[0]), uint32(stack[1]), uint32(stack[2]))
	}), valueTypes("iii"), nil).Export("log")
	if _, err := own.Instantiate(ctx); err != nil {
		return err
	}
	return instantiateScriptImports(ctx, r)
}

func valueTypes(letters string) []api.ValueType {
	types := make([]api.ValueType, len(letters))
	for i, l := range letters {
		types[i] = api.ValueTypeI32
		if l == 'I' {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

// caller is the instance that called a host function.
func caller(ctx context.Context, m api.Module) *instance {
	i := ctx.Value(instanceKey{}).(*instance)
	i.attach(m)
	return i
}

// logLine is engine.log: levels are 0 for debug, 1 info, 2 warn, 3 error.
func (i *instance) logLine(level int32, at, n uint32) {
	text, ok := i.mem.Read(at, n)
	if !ok {
		panic(faultf("engine.log was given %d bytes at %d, beyond the memory of %d", n, at, i.room.size))
	}
	text = text[:i.log.wanted(len(text))]
	if i.gauge.Charge(uint64(len(text)) * fuelPerLoggedByte) {
		i.log.line([]string{levelDebug, levelInfo, levelWarn, levelError}[min(max(level, 0), 3)], string(text))
	}
}

func (i *instance) argsSizes(p []uint64) errno {
	size := 0
	for _, a := range i.args {
		size += len(a) + 1
	}
	return i.put32(uint32(p[0]), uint32(len(i.args)), uint32(p[1]), uint32(size))
}

func (i *instance) argsGet(p []uint64) errno {
	pointer, at := uint32(p[0]), uint32(p[1])
	for _, a := range i.args {
		if !i.mem.WriteUint32Le(pointer, at) || !i.mem.WriteString(at, a+"\x00") {
			return errFault
		}
		pointer += 4
		at += uint32(len(a)) + 1
	}
	return success
}

func (i *instance) clockRes(p []uint64) errno {
	if uint32(p[0]) > 1 {
		return errInval
	}
	return i.put64(uint32(p[1]), 1000)
}

func (i *instance) clockTime(p []uint64) errno {
	now, ok := i.time(uint32(p[0]))
	if !ok {
		return errInval
	}
	return i.put64(uint32(p[2]), uint64(now))
}

func (i *instance) time(id uint32) (nanoseconds int64, ok bool) {
	switch id {
	case 0:
		return i.clock.wall(), true
	case 1:
		return i.clock.monotonic(), true
	}
	return 0, false
}

func (i *instance) randomGet(p []uint64) errno {
	b, ok := i.mem.Read(uint32(p[0]), uint32(p[1]))
	if !ok {
		return errFault
	}
	if !i.gauge.Charge(uint64(len(b)) * fuelPerRandomByte) {
		return errNoFuel
	}
	_, _ = i.random.Read(b) // never fails
	return success
}

// fdStat is of a stream of no known type, which may be read and written.
func (i *instance) fdStat(p []uint64) errno {
	var stat [24]byte
	binary.LittleEndian.PutUint64(stat[8:], 1<<1|1<<6|1<<27)
	return i.streamStat(p, stat[:])
}

func (i *instance) fileStat(p []uint64) errno { return i.streamStat(p, make([]byte, 64)) }

func (i *instance) streamStat(p []uint64, stat []byte) errno {
	if uint32(p[0]) > 2 {
		return errBadFD
	}
	if !i.mem.Write(uint32(p[1]), stat) {
		return errFault
	}
	return success
}

func (i *instance) put32(at1, v1, at2, v2 uint32) errno {
	if !i.mem.WriteUint32Le(at1, v1) || !i.mem.WriteUint32Le(at2, v2) {
		return errFault
	}
	return success
}

func (i *instance) put64(at uint32, v uint64) errno {
	if !i.mem.WriteUint64Le(at, v) {
		return errFault
	}
	return success
}
