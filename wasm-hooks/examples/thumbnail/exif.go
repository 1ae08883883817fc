package main

import (
	"bytes"
	"encoding/binary"
)

// orientation is how a JPEG says that it is to be turned, 1 to 8 as EXIF counts;
// 0 if it does not say. Cameras leave the turning to who shows the picture.
func orientation(b []byte) int {
	for i := 2; i+4 <= len(b) && b[i] == 0xff; {
		marker, size := b[i+1], int(binary.BigEndian.Uint16(b[i+2:]))
		if marker == 0xda || size < 2 || i+2+size > len(b) { // the picture begins, or it is damaged
			return 0
		}
		segment := b[i+4 : i+2+size]
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && marker == 0xe1 {
			return tiffOrientation(tiff)
		}
		i += 2 + size
	}
	return 0
}

func tiffOrientation(b []byte) int {
	const tag, short, entryBytes = 0x0112, 3, 12
	if len(b) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	at := uint64(order.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return 0
	}
	entries := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(entries) < entryBytes {
			return 0
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			return int(order.Uint16(entries[8:]))
		}
		entries = entries[entryBytes:]
	}
	return 0
}
