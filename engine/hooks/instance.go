package hooks

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks/metering"
)

const (
	// An instance may spend startCalls times a call's fuel on becoming ready,
	// but no more than maxStartFuel unless a call may, and minStartFuel in any
	// case: the start section has that, a Go program's runtime takes a tenth.
	startCalls   = 5
	minStartFuel = metering.DefaultFuel
	maxStartFuel = startCalls * metering.DefaultFuel
)

// instance is a module's instance and all that it can reach. Its shape's guest
// owns it, and calls one function of it at a time.
type instance struct {
	module api.Module
	mem    api.Memory
	gauge  metering.Gauge
	room   *room
	log    *callLog
	// ctx is what functions are called with: it leads host functions here.
	// The caller's would change nothing, since nothing watches it in a call.
	ctx    context.Context
	filled int64 // fuel of the call
	// begun is the fuel that it took to make it.
	begun int64

	clock  clock
	random *rand.ChaCha8

	// args, stdin and stdout are a command's. What is read moves stdin on.
	args   []string
	stdin  [][]byte
	stdout *output
}

type instanceKey struct{}

// ownContext has an instance and nothing else: wazero asks a context at each
// call for what is not there, which is not to be searched for.
type ownContext struct {
	context.Context
	of *instance
}

func (c *ownContext) Value(key any) any {
	if key == (instanceKey{}) {
		return c.of
	}
	return nil
}

// instantiate makes an instance of p. Its start section has run, and no other
// function. On failure s.room is freed.
func instantiate(p *program, s setup) (*instance, error) {
	i := &instance{room: s.room, log: s.log, filled: metering.DefaultFuel, clock: clock{fixed: s.fixed, begun: time.Now()}, random: randomness(s.fixed)}
	i.ctx = &ownContext{context.Background(), i}
	i.log.begin()
	module, err := i.create(p)
	if err != nil {
		defer i.close()
		if i.module != nil || i.room.starved {
			return nil, i.explain("the module's start", err)
		}
		return nil, faultf("an instance of the module could not be made: %v (what starts it may spend %s units of fuel)", rootOf(err), humanize.Comma(i.filled))
	}
	i.attach(module)
	i.begun = i.spent()
	i.room.settle()
	return i, nil
}

// create reports an allocator that refuses as an error; wazero panics.
func (i *instance) create(p *program) (m api.Module, err error) {
	defer func() {
		if i.room.starved && m == nil {
			if recover() != nil || err != nil {
				err = i.room.quota.unavailable()
			}
		}
	}()
	return p.runtime.InstantiateModule(experimental.WithMemoryAllocator(i.ctx, i.room), p.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
}

// attach is called when the module is first seen: by a host function that the
// start section called, or after it.
func (i *instance) attach(m api.Module) {
	if i.module != nil {
		return
	}
	// The metering has put them there, and they are mutable.
	i.gauge = metering.Gauge{
		Fuel:    m.ExportedGlobal(metering.FuelExport).(api.MutableGlobal),
		Depth:   m.ExportedGlobal(metering.DepthExport).(api.MutableGlobal),
		Reserve: m.ExportedGlobal(metering.ReserveExport).(api.MutableGlobal),
	}
	i.module, i.mem = m, m.Memory()
}

// fill begins a call that may spend fuel units.
func (i *instance) fill(fuel int64) {
	i.filled = fuel
	i.gauge.Fill(fuel, metering.DefaultDepth)
	i.clock.ahead, i.room.starved = 0, false
	i.log.begin()
}

// invoke calls a function, whose parameters and results are in stack.
func (i *instance) invoke(name string, f api.Function, stack []uint64) error {
	if err := i.enough(f.CallWithStack(i.ctx, stack)); err != nil {
		return i.explain(name, err)
	}
	return nil
}

// enough is what a call of the guest ended with. One that returns before the
// next charge has not done what a host function refused for lack of fuel, such
// as to write its answer: it must not count as one that had nothing to say.
func (i *instance) enough(err error) error {
	if err == nil && i.gauge.Overdrawn() {
		return errOutOfFuel
	}
	return err
}

var errOutOfFuel = errors.New("out of fuel")

// spent is the fuel of the call.
func (i *instance) spent() int64 { return i.filled - i.gauge.Left() }

func (i *instance) memory() int64 { return i.room.size }

func (i *instance) close() {
	i.log.end()
	if i.module != nil {
		// It has nothing open that could fail to close.
		_ = i.module.Close(context.Background())
	}
	// After a failure to instantiate, wazero does not.
	i.room.Free()
}

// startFuel is what an instance may spend on becoming ready.
func startFuel(l engine.HookLimits) int64 {
	return max(minStartFuel, l.Fuel, startCalls*min(l.Fuel, maxStartFuel/startCalls))
}

func (i *instance) started() int64 { return i.begun }

// newGuest makes an instance of p's shape. On failure s.room is freed.
func newGuest(p *program, s setup) (guest, error) {
	switch p.Shape {
	case engine.HookCommand:
		return newCommand(p, s), nil
	case engine.HookScript:
		return newScriptGuest(p, s)
	default:
		return newReactor(p, s)
	}
}
