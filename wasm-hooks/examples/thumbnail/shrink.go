package main

import (
	"image"
	"image/color"
	"image/draw"
)

// shrink makes a picture of at most n pixels in width and height. Each pixel is
// the mean of those that it stands for, whole ones: a thumbnail needs no better.
// The source is turned into RGBA a few rows at a time, since all of it may not
// fit into the memory a second time.
func shrink(source image.Image, n int) *image.RGBA {
	from := source.Bounds()
	w, h := fit(from.Dx(), from.Dy(), n)
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	rows := from.Dy()/h + 1
	band := image.NewRGBA(image.Rect(0, 0, from.Dx(), rows))
	for y := range h {
		top, bottom := y*from.Dy()/h, (y+1)*from.Dy()/h
		part := image.Rect(0, 0, from.Dx(), bottom-top)
		draw.Draw(band, part, image.NewUniform(color.White), image.Point{}, draw.Src)
		draw.Draw(band, part, source, image.Pt(from.Min.X, from.Min.Y+top), draw.Over)
		for x := range w {
			mean(to.Pix[to.PixOffset(x, y):], band, x*from.Dx()/w, (x+1)*from.Dx()/w, bottom-top)
		}
	}
	return to
}

// fit is the size within n by n that has the shape of w by h.
func fit(w, h, n int) (int, int) {
	if w >= h {
		return n, max(1, (h*n+w/2)/w)
	}
	return max(1, (w*n+h/2)/h), n
}

func mean(pixel []uint8, band *image.RGBA, left, right, rows int) {
	var r, g, b uint64
	for y := range rows {
		row := band.Pix[band.PixOffset(left, y):band.PixOffset(right, y)]
		for i := 0; i+3 < len(row); i += 4 {
			r += uint64(row[i])
			g += uint64(row[i+1])
			b += uint64(row[i+2])
		}
	}
	n := uint64((right - left) * rows)
	pixel[0], pixel[1], pixel[2], pixel[3] = uint8((r+n/2)/n), uint8((g+n/2)/n), uint8((b+n/2)/n), 255
}

// upright turns a picture as its orientation, a value of EXIF, says.
func upright(p *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return p
	}
	w, h := p.Rect.Dx(), p.Rect.Dy()
	turned := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation > 4 {
		turned = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			tx, ty := x, y
			switch orientation {
			case 2:
				tx = w - 1 - x
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				ty = h - 1 - y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			copy(turned.Pix[turned.PixOffset(tx, ty):][:4], p.Pix[p.PixOffset(x, y):][:4])
		}
	}
	return turned
}
