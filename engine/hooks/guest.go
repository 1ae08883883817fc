package hooks

import (
	"encoding/json"

	"github.com/tetratelabs/wazero"

	"github.com/twinbox/twinbox/engine"
)

// program is a compiled module, or script, of which instances can be made,
// concurrently. What it was made of is metered, validated and within limits.
type program struct {
	engine.HookVersion
	// runtime has the imports that are offered, and a limit of memory.
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	// script is set where the shape is a script's; compiled is then QuickJS.
	script *script
}

// setup is what an instance is made with.
type setup struct {
	hook   string
	config json.RawMessage // nil is none
	limits engine.HookLimits
	log    *callLog
	// room is what its memory is taken from. It becomes the instance's, and is
	// freed by the guest's close or by the failure to make it.
	room *room
	// fixed instances have a clock that stands still and a known seed: what
	// they do and cost is the same on every run.
	fixed bool
}

// guest is an instance. It serves one call at a time. A failure of any method
// but close is a *fault where it is the hook's; afterwards the guest may only
// be closed.
type guest interface {
	// call runs a point on an input, with fuel units to spend, and returns the
	// answer, or nil for a pass. The answer is the guest's memory: it holds
	// until done, and is not to be written to. input is the caller's.
	call(point engine.HookPoint, input []byte, fuel int64) ([]byte, error)
	// done follows each successful call, once the answer was copied.
	done() error
	// started is the fuel that it took to make it; 0 if each call makes its own.
	started() int64
	// spent is the fuel of the last call, with its done.
	spent() int64
	// memory is what the instance holds, in bytes.
	memory() int64
	close()
}
