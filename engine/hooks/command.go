package hooks

import (
	"errors"

	"github.com/tetratelabs/wazero/sys"

	"github.com/twinbox/twinbox/engine"
)

// command is a program that is started for one call.
type command struct {
	program *program
	setup   setup
	// instance is the call's; nil before it.
	instance *instance
}

// newCommand makes a guest for one call.
func newCommand(p *program, s setup) guest { return &command{program: p, setup: s} }

func (c *command) call(point engine.HookPoint, input []byte, fuel int64) ([]byte, error) {
	name := point.Export()
	i, err := instantiate(c.program, c.setup)
	if err != nil {
		return nil, err
	}
	c.instance = i
	i.args = []string{c.setup.hook, name}
	i.stdin = withConfig(input, point, c.setup.config)
	i.stdout = &output{limit: c.setup.limits.OutputBytes}
	i.fill(max(fuel-i.begun, 0))
	err = i.module.ExportedFunction("_start").CallWithStack(i.ctx, nil)
	if exit, ok := errors.AsType[*sys.ExitError](err); ok && exit.ExitCode() == 0 {
		err = nil
	}
	err = i.enough(err)
	i.log.end()
	switch {
	case err != nil:
		return nil, i.explain(name, err)
	case len(i.stdout.b) == 0:
		return nil, nil
	}
	return i.stdout.b, nil
}

func (c *command) done() error { return nil }

func (c *command) spent() int64 {
	if c.instance == nil {
		return 0
	}
	return c.instance.begun + c.instance.spent()
}

func (c *command) started() int64 { return 0 }

func (c *command) memory() int64 {
	if c.instance == nil {
		return 0
	}
	return c.instance.memory()
}

func (c *command) close() {
	if c.instance == nil {
		c.setup.room.Free()
		return
	}
	c.instance.close()
}
