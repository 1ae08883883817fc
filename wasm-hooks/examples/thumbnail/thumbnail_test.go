package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
)

var (
	red  = color.RGBA{255, 0, 0, 255}
	blue = color.RGBA{0, 0, 255, 255}
)

// halves is a picture whose left is red and whose right is blue.
func halves(w, h int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p.Set(x, y, red)
			if x >= w/2 {
				p.Set(x, y, blue)
			}
		}
	}
	return p
}

func mustEncode(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func attached(name string, b []byte) *hook.Attachment {
	return hook.NewAttachment(hook.Frame(fmt.Sprintf(`{"attachment":{"ref":"att-0","name":%q}}`, name), b))
}

func TestALargePictureBecomesASmallJPEG(t *testing.T) {
	c := config{Pixels: 20, Quality: 90, MaxSource: 1 << 20}
	source := halves(200, 100)
	for name, b := range map[string][]byte{
		"a.png": mustEncode(t, func(b *bytes.Buffer) error { return png.Encode(b, source) }),
		"a.jpg": mustEncode(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, source, nil) }),
		"a.gif": mustEncode(t, func(b *bytes.Buffer) error { return gif.Encode(b, source, nil) }),
	} {
		a := c.answer(attached(name, b))
		if got, want := a.String(), `{"action":"replace","bytes":"replace","name":"a.jpg","mimeType":"image/jpeg"}`; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
			continue
		}
		got, err := jpeg.Decode(bytes.NewReader(a.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if got.Bounds() != image.Rect(0, 0, 20, 10) || !near(got.At(2, 5), red) || !near(got.At(17, 5), blue) {
			t.Errorf("%s: %v with %v and %v", name, got.Bounds(), got.At(2, 5), got.At(17, 5))
		}
	}
}

func near(a, b color.Color) bool {
	r, g, bl, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > 0x1800 }
	return !far(r, r2) && !far(g, g2) && !far(bl, b2)
}

func TestAPictureIsTurnedAsItsCameraSays(t *testing.T) {
	for value, at := range map[int]image.Point{ // where the left, red, half comes to lie
		0: {1, 10}, 1: {1, 10}, 2: {18, 10}, 3: {18, 10}, 4: {1, 10}, 5: {10, 1}, 6: {10, 1}, 7: {10, 18}, 8: {10, 18}, 9: {1, 10},
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			b := mustEncode(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, halves(100, 100), nil) })
			b = withExif(b, order, value)
			c := config{Pixels: 20, Quality: 90, MaxSource: 1 << 20}
			got, err := jpeg.Decode(bytes.NewReader(c.answer(attached("a.jpg", b)).Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if !near(got.At(at.X, at.Y), red) || !near(got.At(19-at.X, 19-at.Y), blue) {
				t.Errorf("orientation %d, %v: %v at %v", value, order, got.At(at.X, at.Y), at)
			}
		}
	}
}

func withExif(b []byte, order binary.AppendByteOrder, orientation int) []byte {
	tiff := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, uint16(orientation))
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(segment)+2))
	return append(append(out, segment...), b[2:]...)
}

func TestATransparentPictureIsOnWhite(t *testing.T) {
	c := config{Pixels: 10, Quality: 100, MaxSource: 1 << 20}
	b := mustEncode(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewNRGBA(image.Rect(0, 0, 40, 40))) })
	got, err := jpeg.Decode(bytes.NewReader(c.answer(attached("a.png", b)).Bytes()))
	if err != nil || !near(got.At(5, 5), color.White) {
		t.Errorf("%v, %v", got.At(5, 5), err)
	}
}

func TestAThinPictureKeepsAPixel(t *testing.T) {
	for _, size := range []image.Point{{1000, 1}, {1, 1000}, {999, 2}} {
		got := shrink(halves(size.X, size.Y), 10).Bounds()
		if got.Dx() < 1 || got.Dy() < 1 || max(got.Dx(), got.Dy()) != 10 {
			t.Errorf("%v becomes %v", size, got)
		}
	}
}

func TestTheRestPasses(t *testing.T) {
	c := config{Pixels: 20, Quality: 90, MaxSource: 100 * 100}
	large := mustEncode(t, func(b *bytes.Buffer) error { return png.Encode(b, halves(100, 100)) })
	for name, b := range map[string][]byte{
		"small enough":     mustEncode(t, func(b *bytes.Buffer) error { return png.Encode(b, halves(20, 20)) }),
		"too large":        mustEncode(t, func(b *bytes.Buffer) error { return png.Encode(b, halves(101, 100)) }),
		"damaged":          large[:len(large)/2],
		"a bomb's header":  bomb(large),
		"no picture":       []byte("hello"),
		"nothing at all":   nil,
		"no end of a JPEG": {0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff},
	} {
		if got := c.answer(attached("a.png", b)).String(); got != `{"action":"pass"}` {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// bomb makes a PNG say that it has 4 billion pixels.
func bomb(b []byte) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[16:], 65535)
	binary.BigEndian.PutUint32(b[20:], 65535)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestNoEXIFHarms(t *testing.T) {
	whole := withExif([]byte{0xff, 0xd8, 0xff, 0xd9}, binary.LittleEndian, 6)
	if orientation(whole) != 6 {
		t.Fatalf("orientation %d", orientation(whole))
	}
	for i := range whole {
		orientation(whole[:i])
		for v := range 256 {
			b := bytes.Clone(whole)
			b[i] = byte(v)
			orientation(b)
		}
	}
}

func TestSettingsAreWithinBounds(t *testing.T) {
	for want, c := range map[string]config{
		"pixels":    {Pixels: 0, Quality: 80, MaxSource: 1},
		"quality":   {Pixels: 1, Quality: 101, MaxSource: 1},
		"maxSource": {Pixels: 1, Quality: 80},
	} {
		if err := c.check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
