package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math"
)

// drawPicture draws the demo's picture, a sun between two hills, as a PNG.
func drawPicture(width, height int) ([]byte, error) {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, scenery(float64(x)/float64(width), float64(y)/float64(height)))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return nil, fmt.Errorf("draw the picture: %w", err)
	}
	return b.Bytes(), nil
}

// noteOnPicture adds to a PNG what a camera may note, as a text chunk after
// the header.
func noteOnPicture(picture []byte, note string) []byte {
	const header = 8 + 25 // the signature and the first chunk
	chunk := append([]byte("tEXt"), note...)
	b := append([]byte{}, picture[:header]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(note)))
	b = append(b, chunk...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk))
	return append(b, picture[header:]...)
}

// scenery is the colour at a point; both coordinates go from 0 to 1, y down.
func scenery(x, y float64) color.RGBA {
	switch {
	case y > 0.78+0.06*math.Sin(9*x+2):
		return color.RGBA{38, 70, 83, 255}
	case y > 0.66+0.12*math.Sin(6*x):
		return color.RGBA{42, 157, 143, 255}
	case math.Hypot((x-0.62)*1.6, y-0.42) < 0.13:
		return color.RGBA{255, 236, 179, 255}
	}
	return blend(color.RGBA{94, 84, 142, 255}, color.RGBA{244, 162, 97, 255}, y/0.75)
}

func blend(a, b color.RGBA, t float64) color.RGBA {
	t = min(max(t, 0), 1)
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + t*(float64(b)-float64(a))) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// shrink returns m with one pixel for each square of side pixels: their mean.
func shrink(m image.Image, side int) image.Image {
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, max(1, b.Dx()/side), max(1, b.Dy()/side)))
	for y := range out.Bounds().Dy() {
		for x := range out.Bounds().Dx() {
			square := image.Rect(x*side, y*side, (x+1)*side, (y+1)*side).Add(b.Min).Intersect(b)
			out.SetRGBA(x, y, mean(m, square))
		}
	}
	return out
}

// mean is the mean colour of a part of m, which is not empty.
func mean(m image.Image, part image.Rectangle) color.RGBA {
	var red, green, blue, n uint64
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r, g, b, _ := m.At(x, y).RGBA()
			red, green, blue, n = red+uint64(r), green+uint64(g), blue+uint64(b), n+1
		}
	}
	return color.RGBA{uint8(red / n >> 8), uint8(green / n >> 8), uint8(blue / n >> 8), 255}
}
