package hooks

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/dustin/go-humanize"
)

// output is a command's standard output.
type output struct {
	limit int64
	b     []byte
}

func (o *output) write(p []byte) {
	if int64(len(o.b))+int64(len(p)) > o.limit {
		panic(faultf("it wrote an answer of more than the %s bytes that are allowed (limit outputBytes)", humanize.Comma(o.limit)))
	}
	o.b = append(o.b, p...)
}

// vectors calls use with each piece of memory that a WASI iovec array names,
// until use has no more.
func (i *instance) vectors(at, n uint32, use func(p []byte) (more bool)) errno {
	if !i.gauge.Charge(uint64(n) * fuelPerVector) {
		return errNoFuel
	}
	if uint64(n)*8 > math.MaxUint32 {
		return errFault
	}
	list, ok := i.mem.Read(at, n*8)
	if !ok {
		return errFault
	}
	for ; len(list) > 0; list = list[8:] {
		p, ok := i.mem.Read(binary.LittleEndian.Uint32(list), binary.LittleEndian.Uint32(list[4:]))
		if !ok {
			return errFault
		}
		if !use(p) {
			break
		}
	}
	return success
}

func (i *instance) fdWrite(p []uint64) errno {
	fd := uint32(p[0])
	if fd != 1 && fd != 2 {
		return errBadFD
	}
	written, fueled := uint64(0), true
	e := i.vectors(uint32(p[1]), uint32(p[2]), func(b []byte) bool {
		written += uint64(len(b))
		if fd == 1 && i.stdout != nil {
			if fueled = i.gauge.Charge(uint64(len(b)) / 8); fueled {
				i.stdout.write(b)
			}
			return fueled
		}
		b = b[:i.log.wanted(len(b))]
		if fueled = i.gauge.Charge(uint64(len(b)) * fuelPerLoggedByte); fueled {
			i.log.write(fd == 2, b)
		}
		return fueled
	})
	switch {
	case !fueled:
		return errNoFuel
	case e != success:
		return e
	case written > math.MaxUint32: // vectors that overlap can add up to it
		return errInval
	case !i.mem.WriteUint32Le(uint32(p[3]), uint32(written)):
		return errFault
	}
	return success
}

func (i *instance) fdRead(p []uint64) errno {
	if uint32(p[0]) != 0 {
		return errBadFD
	}
	read, fueled := uint64(0), true
	e := i.vectors(uint32(p[1]), uint32(p[2]), func(b []byte) bool {
		for len(b) > 0 && len(i.stdin) > 0 {
			n := min(len(b), len(i.stdin[0]))
			if fueled = i.gauge.Charge(uint64(n) / 8); !fueled {
				return false
			}
			copy(b, i.stdin[0])
			read += uint64(n)
			b, i.stdin[0] = b[n:], i.stdin[0][n:]
			if len(i.stdin[0]) == 0 {
				i.stdin = i.stdin[1:]
			}
		}
		return len(i.stdin) > 0
	})
	switch {
	case !fueled:
		return errNoFuel
	case e != success:
		return e
	case !i.mem.WriteUint32Le(uint32(p[3]), uint32(read)):
		return errFault
	}
	return success
}

const (
	subscriptionBytes = 48
	eventBytes        = 32
	clockEvent        = 0
	readEvent         = 1
	writeEvent        = 2
)

// poll is poll_oneoff. Streams are always ready; where only clocks are asked
// for, the first of them to ring does so at once, and it is that time.
func (i *instance) poll(p []uint64) errno {
	in, out, n := uint32(p[0]), uint32(p[1]), uint32(p[2])
	if n == 0 {
		return errInval
	}
	if !i.gauge.Charge(uint64(n) * fuelPerSubscription) {
		return errNoFuel
	}
	if uint64(n)*subscriptionBytes > math.MaxUint32 {
		return errFault
	}
	asked, ok := i.mem.Read(in, n*subscriptionBytes)
	events, ok2 := i.mem.Read(out, n*eventBytes)
	if !ok || !ok2 {
		return errFault
	}
	count, nearest := uint32(0), time.Duration(math.MaxInt64)
	put := func(s []byte, kind byte, e errno) {
		var event [eventBytes]byte
		copy(event[:8], s)
		binary.LittleEndian.PutUint16(event[8:], uint16(e))
		event[10] = kind
		copy(events[count*eventBytes:], event[:])
		count++
	}
	for at := 0; at < len(asked); at += subscriptionBytes {
		s := asked[at : at+subscriptionBytes]
		switch kind := s[8]; kind {
		case clockEvent:
			nearest = min(nearest, i.delay(s))
		case readEvent, writeEvent:
			e := success
			if binary.LittleEndian.Uint32(s[16:]) > 2 {
				e = errBadFD
			}
			put(s, kind, e)
		default:
			return errInval
		}
	}
	if count == 0 {
		for at := 0; at < len(asked); at += subscriptionBytes {
			if s := asked[at : at+subscriptionBytes]; i.delay(s) <= nearest {
				put(s, clockEvent, success)
			}
		}
		i.clock.sleep(nearest)
	}
	if !i.mem.WriteUint32Le(uint32(p[3]), count) {
		return errFault
	}
	return success
}

// delay is how long from now a subscription to a clock rings.
func (i *instance) delay(s []byte) time.Duration {
	timeout := min(binary.LittleEndian.Uint64(s[24:]), math.MaxInt64)
	if s[40]&1 == 0 {
		return time.Duration(timeout)
	}
	now, _ := i.time(binary.LittleEndian.Uint32(s[16:]))
	return time.Duration(max(0, int64(timeout)-now))
}
