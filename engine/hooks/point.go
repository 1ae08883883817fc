package hooks

import "github.com/twinbox/twinbox/engine"

const pointCount = 4

// pointIndex is a point's place in tables; -1 is none.
func pointIndex(p engine.HookPoint) int {
	switch p {
	case engine.HookOnMessage:
		return 0
	case engine.HookOnAttachment:
		return 1
	case engine.HookOnReply:
		return 2
	case engine.HookOnSession:
		return 3
	}
	return -1
}

// pointName is what a module exports for the point of that index.
func pointName(index int) string { return engine.HookPoints()[index].Export() }
