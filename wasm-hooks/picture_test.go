package wasmhooks_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"
)

// secret is in each kind of metadata that the pictures here have.
const secret = "59.3293N 18.0686E"

func aPicture() image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			m.Set(x, y, color.NRGBA{uint8(x * 5), uint8(y * 7), uint8(x * y), 255})
		}
	}
	return m
}

// exif is EXIF data as a camera writes it: an orientation between other
// entries, and a place.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	head := "MM"
	if order.AppendUint16(nil, 1)[0] == 1 {
		head = "II"
	}
	const ascii, short, long = 2, 3, 4
	b := order.AppendUint32(order.AppendUint16([]byte(head), 42), 8)
	b = order.AppendUint16(b, 3)
	entry := func(tag, kind uint16, count uint32, value []byte) {
		b = append(order.AppendUint32(order.AppendUint16(order.AppendUint16(b, tag), kind), count), value...)
	}
	entry(0x010F, ascii, 4, []byte("Cam\x00"))
	entry(0x0112, short, 1, append(order.AppendUint16(nil, orientation), 0, 0))
	entry(0x8825, long, 1, order.AppendUint32(nil, 50)) // the directory of the place
	b = order.AppendUint32(b, 0)
	b = order.AppendUint16(b, 1)
	entry(0x001C, ascii, uint32(len(secret)), order.AppendUint32(nil, 68)) // GPSAreaInformation
	b = order.AppendUint32(b, 0)
	return append(b, secret...)
}

func segment(marker byte, data ...string) []byte {
	text := []byte{}
	for _, d := range data {
		text = append(text, d...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(2+len(text))), text...)
}

func mustJPEG(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, aPicture(), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// metadataJPEG is a photo with all that a camera and an editor add to it.
func metadataJPEG(t testing.TB, order binary.AppendByteOrder, orientation uint16) []byte {
	t.Helper()
	plain := mustJPEG(t)
	return slices.Concat(
		plain[:2],
		segment(0xE0, "JFIF\x00\x01\x01\x00\x00\x48\x00\x48\x01\x01", secret[:3]), // with a thumbnail of one pixel
		segment(0xE0, "JFXX\x00", secret),
		segment(0xE1, "Exif\x00\x00", string(exif(order, orientation))),
		segment(0xE1, "http://ns.adobe.com/xap/1.0/\x00", secret),
		segment(0xE2, "ICC_PROFILE\x00\x01\x01", "a profile"),
		segment(0xE2, "MPF\x00", secret),
		segment(0xED, "Photoshop 3.0\x00", secret),
		[]byte{0xFF, 0xFF}, segment(0xFE, secret), // a marker may be preceded by more of 0xFF
		plain[2:],
		[]byte(secret),
	)
}

func chunk(name string, data ...string) []byte {
	b := []byte(name)
	for _, d := range data {
		b = append(b, d...)
	}
	sum := crc32.ChecksumIEEE(b)
	return binary.BigEndian.AppendUint32(append(binary.BigEndian.AppendUint32(nil, uint32(len(b)-4)), b...), sum)
}

func mustPNG(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, aPicture()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// metadataPNG is a picture with all that an editor adds to it.
func metadataPNG(t testing.TB, order binary.AppendByteOrder, orientation uint16) []byte {
	t.Helper()
	plain := mustPNG(t)
	const header, end = 8 + 12 + 13, 12
	return slices.Concat(
		plain[:header],
		chunk("pHYs", "\x00\x00\x0b\x13\x00\x00\x0b\x13\x01"),
		chunk("eXIf", string(exif(order, orientation))),
		chunk("tEXt", "Comment\x00", secret),
		chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00", secret),
		chunk("zTXt", "Comment\x00\x00", secret),
		chunk("tIME", "\x07\xe8\x01\x02\x03\x04\x05"),
		chunk("caBX", secret),
		plain[header:len(plain)-end],
		chunk("tEXt", "After\x00", secret),
		plain[len(plain)-end:],
		[]byte(secret),
	)
}
