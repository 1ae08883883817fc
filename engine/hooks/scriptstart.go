package hooks

import (
	"context"
	_ "embed" // the prelude
	"encoding/json"
)

//go:embed scriptprelude.js
var scriptPrelude []byte

const (
	// scriptName and preludeName are what stack traces tell.
	scriptName  = "script"
	preludeName = "engine"
	// scriptOverhead is memory that QuickJS needs besides what scripts make.
	scriptOverhead = 2 << 20
	// compileFuel is for a byte of a script; 1,000 are usual.
	compileFuel = 4000
)

// bytecode is what QuickJS made of the prelude and a script.
type bytecode struct{ prelude, script []byte }

// newScriptGuest makes an instance of QuickJS, in which p's script has run.
func newScriptGuest(p *program, s setup) (guest, error) {
	code := p.script.bytecode.Load()
	if code == nil {
		var err error
		if code, err = compileScript(p, s); err != nil {
			s.room.Free()
			return nil, err
		}
		p.script.bytecode.Store(code)
	}
	g, err := openScriptGuest(p, s)
	if err != nil {
		return nil, err
	}
	err = g.loadPrelude(code.prelude)
	if err == nil {
		g.begun += g.quickJS.spent()
		err = g.start(code.script, s)
	}
	if err != nil {
		g.close()
		return nil, err
	}
	g.begun += g.quickJS.spent()
	g.log.end()
	return g, nil
}

// compileScript compiles in an instance of its own, in which nothing of the
// script runs: what it makes is for all, and what those cost is the same for
// the first of them.
func compileScript(p *program, s setup) (*bytecode, error) {
	s.room = &room{quota: s.room.quota, claim: s.room.claim}
	g, err := openScriptGuest(p, s)
	if err != nil {
		return nil, err
	}
	defer g.close()
	g.begin(maxStartFuel + int64(len(p.script.code))*compileFuel)
	var code bytecode
	if code.prelude, err = g.compile(scriptPrelude, preludeName, asProgram); err != nil {
		return nil, g.trapped(theEngine, err)
	}
	if err := g.loadPrelude(code.prelude); err != nil {
		return nil, err
	}
	if code.script, err = g.compile(p.script.code, scriptName, asModule); err != nil {
		return nil, g.trapped(theScript, err)
	}
	if code.script == nil {
		_, err := g.result(theScript, jsException, nil)
		return nil, err
	}
	return &code, nil
}

// What a fault says did it, where it was no function for a point.
const (
	theEngine = "the JavaScript engine"
	theScript = "the script"
)

// openScriptGuest makes an instance of QuickJS that is ready.
func openScriptGuest(p *program, s setup) (*scriptGuest, error) {
	i, err := instantiate(p, s)
	if err != nil {
		return nil, err
	}
	g := &scriptGuest{quickJS: newQuickJS(i), script: p.script, limits: s.limits}
	i.ctx = context.WithValue(i.ctx, scriptKey{}, g)
	g.begin(maxStartFuel) // the engine's own
	if err := g.init(s.limits.MemoryBytes - scriptOverhead); err != nil {
		err = g.trapped(theEngine, err)
		g.close()
		return nil, err
	}
	return g, nil
}

// loadPrelude makes the prelude's functions.
func (g *scriptGuest) loadPrelude(code []byte) error {
	made, err := g.load(code)
	if err == nil && made != jsException {
		made, err = g.eval(made)
	}
	if made, err = g.result(theEngine, made, err); err != nil {
		return err
	}
	var useLog jsValue
	type part struct {
		name  string
		value *jsValue
	}
	parts := []part{{"useLog", &useLog}, {"setup", &g.setup}, {"room", &g.makeBytes}, {"bytes", &g.takeBytes}, {"describe", &g.describe}, {"trace", &g.trace}, {"origin", &g.origin}}
	for n := range g.points {
		parts = append(parts, part{scriptFunction(n), &g.points[n]})
	}
	for _, p := range parts {
		if *p.value, err = g.property(made, p.name); err != nil {
			return g.trapped(theEngine, err)
		}
	}
	log, err := g.hostFunction("log")
	if err != nil {
		return g.trapped(theEngine, err)
	}
	used, err := g.call2(useLog, log, jsUndefined)
	_, err = g.result(theEngine, used, err)
	return err
}

// start runs the script's own code.
func (g *scriptGuest) start(code []byte, s setup) error {
	g.begin(startFuel(s.limits))
	module, err := g.load(code)
	exports, ran := jsUndefined, module
	if err == nil && module != jsException {
		exports, ran, err = g.evalModule(module)
	}
	if _, err = g.result(theScript, ran, err); err != nil {
		return err
	}
	config := s.config
	if config == nil {
		config = json.RawMessage("null")
	}
	settings, err := g.parse(config)
	if settings, err = g.result(theScript, settings, err); err != nil {
		return err
	}
	done, err := g.call2(g.setup, exports, settings)
	_, err = g.result(theScript, done, err)
	return err
}
