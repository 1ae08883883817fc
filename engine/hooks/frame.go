package hooks

import (
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/twinbox/twinbox/engine"
)

// frameHeader is the length of the JSON, in 32 bits, little-endian. The JSON
// follows, and an attachment's bytes.
const frameHeader = 4

// splitFrame returns the two parts of a frame. They are b's memory.
func splitFrame(b []byte) (text, bytes []byte, err error) {
	if len(b) < frameHeader {
		return nil, nil, faultf("it answered with %d bytes, which is no frame: 4 bytes for the length of the JSON, the JSON, the bytes", len(b))
	}
	n, rest := binary.LittleEndian.Uint32(b), b[frameHeader:]
	if uint64(n) > uint64(len(rest)) {
		return nil, nil, faultf("it answered with a frame of %s bytes of JSON, of which %s are there: the length is 4 bytes, little-endian",
			humanize.Comma(int64(n)), humanize.Comma(int64(len(rest))))
	}
	return rest[:n], rest[n:], nil
}

// inputStart is what every input's JSON begins with.
const inputStart = `{"abi":1,`

// withConfig is an input with the configuration as its member "config", in
// pieces that are input's memory.
func withConfig(input []byte, point engine.HookPoint, config json.RawMessage) [][]byte {
	if len(config) == 0 {
		config = json.RawMessage("null")
	}
	member := slices.Concat([]byte(inputStart+`"config":`), config, []byte(","))
	var pieces [][]byte
	if point == engine.HookOnAttachment {
		n := binary.LittleEndian.Uint32(input) + uint32(len(member)-len(inputStart))
		pieces = append(pieces, binary.LittleEndian.AppendUint32(nil, n))
		input = input[frameHeader:]
	}
	return append(pieces, member, input[len(inputStart):])
}
