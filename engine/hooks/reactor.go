package hooks

import (
	"encoding/json"

	"github.com/dustin/go-humanize"
	"github.com/tetratelabs/wazero/api"

	"github.com/twinbox/twinbox/engine"
)

const abiVersion = 1

// reactor is an instance that is called by its exports.
type reactor struct {
	*instance
	limits      engine.HookLimits
	alloc, free api.Function
	points      [pointCount]entry
	// stack has the parameters and results of the calls.
	stack [2]uint64
}

// entry is a function for a point; nil where the module has none.
type entry struct {
	name string
	f    api.Function
}

// newReactor makes an instance of p that has its configuration.
func newReactor(p *program, s setup) (guest, error) {
	i, err := instantiate(p, s)
	if err != nil {
		return nil, err
	}
	r := &reactor{instance: i, limits: s.limits, alloc: i.module.ExportedFunction("hook_alloc"), free: i.module.ExportedFunction("hook_done")}
	for _, p := range engine.HookPoints() {
		r.points[pointIndex(p)] = entry{p.Export(), i.module.ExportedFunction(p.Export())}
	}
	i.fill(startFuel(s.limits) - i.begun)
	if err := r.begin(s.config); err != nil {
		r.close()
		return nil, err
	}
	i.begun += i.spent()
	i.log.end()
	return r, nil
}

func (r *reactor) begin(config json.RawMessage) error {
	if f := r.module.ExportedFunction("_initialize"); f != nil {
		if err := r.invoke("_initialize", f, nil); err != nil {
			return err
		}
	}
	if err := r.invoke("hook_abi_version", r.module.ExportedFunction("hook_abi_version"), r.stack[:1]); err != nil {
		return err
	}
	if v := uint32(r.stack[0]); v != abiVersion {
		return faultf("hook_abi_version returned %d; this engine calls hooks of version %d", v, abiVersion)
	}
	init := r.module.ExportedFunction("hook_init")
	if init == nil {
		return nil
	}
	if len(config) == 0 {
		config = json.RawMessage("null")
	}
	refusal, err := r.pass("hook_init", init, config, maxFaultBytes, "what a refusal of the configuration may say")
	if err != nil {
		return err
	}
	if refusal != nil {
		f := faultf("hook_init refused the configuration: %s", refusal)
		f.config = true
		return f
	}
	return r.release()
}

func (r *reactor) call(point engine.HookPoint, input []byte, fuel int64) ([]byte, error) {
	e := r.points[pointIndex(point)]
	if e.f == nil {
		return nil, faultf("the module exports no %s", e.name)
	}
	r.fill(fuel)
	return r.pass(e.name, e.f, input, r.limits.OutputBytes, "limit outputBytes")
}

func (r *reactor) done() error {
	err := r.release()
	r.log.end()
	return err
}

// pass puts input into the guest's memory, calls f on it and returns what it
// answered: nil, or up to limit bytes of its memory; what tells which limit.
func (r *reactor) pass(name string, f api.Function, input []byte, limit int64, what string) ([]byte, error) {
	r.stack[0] = uint64(len(input))
	// If it was refused something for lack of fuel, f ends in debt, too.
	if err := r.alloc.CallWithStack(r.ctx, r.stack[:1]); err != nil {
		return nil, r.explain("hook_alloc", err)
	}
	at := uint32(r.stack[0])
	if at == 0 {
		return nil, faultf("hook_alloc returned 0: it had no room for an input of %s bytes", humanize.Comma(int64(len(input))))
	}
	if !r.mem.Write(at, input) {
		return nil, faultf("hook_alloc returned %s for %s bytes, beyond its memory of %s",
			humanize.Comma(int64(at)), humanize.Comma(int64(len(input))), humanize.Comma(r.room.size))
	}
	r.stack = [2]uint64{uint64(at), uint64(len(input))}
	if err := r.invoke(name, f, r.stack[:]); err != nil {
		return nil, err
	}
	if r.stack[0] == 0 {
		return nil, nil
	}
	at, n := uint32(r.stack[0]>>32), uint32(r.stack[0])
	switch {
	case at == 0:
		return nil, faultf("%s returned a length of %s bytes at 0, where no answer can be", name, humanize.Comma(int64(n)))
	case n == 0:
		return nil, faultf("%s returned a length of 0 bytes at %s: to pass, return 0", name, humanize.Comma(int64(at)))
	}
	answer, ok := r.mem.Read(at, n)
	switch {
	case !ok:
		return nil, faultf("%s returned a length of %s bytes at %s, beyond its memory of %s", name,
			humanize.Comma(int64(n)), humanize.Comma(int64(at)), humanize.Comma(r.room.size))
	case int64(n) > limit:
		return nil, faultf("%s returned a length of %s bytes, more than the %s that are allowed (%s)", name,
			humanize.Comma(int64(n)), humanize.Comma(limit), what)
	}
	return answer, nil
}

func (r *reactor) release() error {
	if r.free == nil {
		return nil
	}
	return r.invoke("hook_done", r.free, nil)
}
