package metering

import "errors"

var (
	errTruncated = errors.New("the module ends in the middle of it")
	errNumber    = errors.New("a number is longer than its type allows")
	errName      = errors.New("a name is not UTF-8")
)

// reader walks bytes and remembers the first failure; after one it returns
// zeros, so a caller may read several things before it looks at err. Positions
// are offsets in the whole module, so that errors can name them.
type reader struct {
	b   []byte
	pos int
	end int
	err error
}

func (r *reader) more() bool { return r.pos < r.end && r.err == nil }

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) byte() byte {
	if r.pos >= r.end || r.err != nil {
		r.fail(errTruncated)
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n < 0 || n > r.end-r.pos {
		r.fail(errTruncated)
		return nil
	}
	r.pos += n
	return r.b[r.pos-n : r.pos]
}

func (r *reader) u32() uint32 {
	if r.pos < r.end && r.b[r.pos] < 0x80 && r.err == nil {
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	var v uint32
	for i := range 5 {
		c := r.byte()
		if i == 4 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v
		}
	}
	r.fail(errNumber)
	return 0
}

// s33 reads a block type's number.
func (r *reader) s33() int64 {
	var v int64
	for i := range 5 {
		c := r.byte()
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			shift := 64 - 7*(i+1)
			return v << shift >> shift
		}
	}
	r.fail(errNumber)
	return 0
}

// skip passes a number of at most n bytes.
func (r *reader) skip(n int) {
	for range n {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail(errNumber)
}

func (r *reader) name() string { return string(r.bytes(int(r.u32()))) }

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS64(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}
