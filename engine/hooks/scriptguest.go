package hooks

import (
	"encoding/binary"

	"github.com/dustin/go-humanize"

	"github.com/twinbox/twinbox/engine"
)

// maxKeptFrame is how much room a guest keeps for its answers.
const maxKeptFrame = 64 << 10

// scriptGuest is an instance of QuickJS that runs one script.
type scriptGuest struct {
	*quickJS
	script *script
	limits engine.HookLimits
	// points are the prelude's functions, by pointIndex, and what follows too.
	points                                               [pointCount]jsValue
	setup, makeBytes, takeBytes, describe, trace, origin jsValue

	// askedAt is the fuel that was left when QuickJS asked whether to go on,
	// seen the author's line then, if that mattered, and stopped the answer.
	askedAt   int64
	seen      string
	stopped   stop
	beganWith int64 // the memory that the call began with
	// entered: the author's function was called.
	entered bool
	// failed is set with what the call had used, before its failure is told.
	failed bool
	used   int64

	// answer and its text are held until done.
	answer jsValue
	text   uint32
	frame  []byte
}

type scriptKey struct{}

// begin starts what may spend fuel units.
func (g *scriptGuest) begin(fuel int64) {
	g.fill(fuel)
	g.gauge.Fill(fuel, quickJSDepth)
	g.askedAt, g.seen, g.stopped, g.failed, g.entered, g.beganWith = fuel, "", goesOn, false, false, g.room.size
}

func (g *scriptGuest) call(point engine.HookPoint, input []byte, fuel int64) ([]byte, error) {
	n := pointIndex(point)
	what := scriptFunction(n)
	g.begin(fuel)
	text, data, err := input, []byte(nil), error(nil)
	if point == engine.HookOnAttachment {
		if text, data, err = splitFrame(input); err != nil {
			return nil, err
		}
	}
	subject, err := g.parse(text)
	if subject, err = g.result(what, subject, err); err != nil {
		return nil, err
	}
	file := jsUndefined
	if point == engine.HookOnAttachment {
		if file, err = g.give(what, data); err != nil {
			return nil, err
		}
	}
	g.entered = true
	answer, err := g.call2(g.points[n], subject, file)
	if g.answer, err = g.result(what, answer, err); err != nil {
		return nil, err
	}
	for _, v := range []jsValue{subject, file} {
		if err := g.release(v); err != nil {
			return nil, g.trapped(what, err)
		}
	}
	if g.answer == jsUndefined {
		return nil, nil
	}
	return g.read(what, point)
}

// give makes a Uint8Array of data.
func (g *scriptGuest) give(what string, data []byte) (jsValue, error) {
	size := jsValue(uint32(len(data))) // an integer is its own value
	file, err := g.call2(g.makeBytes, size, jsUndefined)
	if file, err = g.result(what, file, err); err != nil {
		return 0, err
	}
	room, err := g.bytes(file)
	if err != nil {
		return 0, g.trapped(what, err)
	}
	g.gauge.Charge(uint64(len(data)) / 8)
	copy(room, data)
	return file, nil
}

// read returns the answer's text, or its frame.
func (g *scriptGuest) read(what string, point engine.HookPoint) ([]byte, error) {
	text, at, err := g.utf8(g.answer)
	if err != nil {
		return nil, g.trapped(what, err)
	}
	g.text = at
	if text == nil {
		return nil, faultf("%s returned an answer for which there was no memory", what)
	}
	var data []byte
	if point == engine.HookOnAttachment {
		file, err := g.call2(g.takeBytes, jsUndefined, jsUndefined)
		if file, err = g.result(what, file, err); err != nil {
			return nil, err
		}
		if file != jsUndefined {
			if data, err = g.bytes(file); err != nil {
				return nil, g.trapped(what, err)
			}
			if data == nil {
				return nil, faultf("%s returned an attachment whose bytes were transferred away", what)
			}
			// The script's side holds on to it until the next call.
			if err := g.release(file); err != nil {
				return nil, g.trapped(what, err)
			}
		}
	}
	if n := int64(len(text)) + int64(len(data)); n > g.limits.OutputBytes {
		return nil, faultf("%s returned %s bytes, more than the %s that are allowed (limit outputBytes)", what, humanize.Comma(n), humanize.Comma(g.limits.OutputBytes))
	}
	if point != engine.HookOnAttachment {
		return text, nil
	}
	g.gauge.Charge(uint64(len(data)) / 8)
	g.frame = binary.LittleEndian.AppendUint32(g.frame[:0], uint32(len(text)))
	g.frame = append(append(g.frame, text...), data...)
	return g.frame, nil
}

func (g *scriptGuest) done() error {
	if g.answer != jsUndefined {
		if err := g.freeText(g.text); err != nil {
			return g.trapped(theEngine, err)
		}
		if err := g.release(g.answer); err != nil {
			return g.trapped(theEngine, err)
		}
		g.answer = jsUndefined
	}
	if cap(g.frame) > maxKeptFrame {
		g.frame = nil
	}
	g.log.end()
	return nil
}

func (g *scriptGuest) spent() int64 {
	if g.failed {
		return g.used
	}
	return g.quickJS.spent()
}

func (g *scriptGuest) memory() int64 { return g.room.size + int64(cap(g.frame)) }

// scriptFunction is what a script exports for the point of that index.
func scriptFunction(index int) string {
	return [pointCount]string{"onMessage", "onAttachment", "onReply", "onSession"}[index]
}
