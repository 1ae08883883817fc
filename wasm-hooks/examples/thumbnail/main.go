// Command thumbnail is a hook: it makes pictures small. A JPEG, PNG or GIF that
// is wider or higher than a limit becomes a JPEG within it, upright, on white
// where it was transparent, and without metadata. Of an animation the first
// picture stays. All else passes as it is.
//
// Configuration, with the defaults:
//
//	{
//	  "pixels": 1024,           the most that a picture may have in width and in height
//	  "quality": 80,            of the JPEG, 1 to 100
//	  "maxSource": 16000000     pixels of a picture that is decoded at all; a larger
//	                            one passes, and the log says so
//	}
//
// A pixel takes about 1,000 units of fuel and up to 8 bytes of memory, so the
// limits that a hook has by default do for small pictures alone. For photos of
// 12 million pixels install it with 500,000,000 units, and time for them: each
// takes more than a second.
package main

import (
	"bytes"
	"errors"
	"image"
	_ "image/gif"
	"image/jpeg"
	_ "image/png"
	"path"
	"runtime/debug"
	"strings"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
	"github.com/twinbox/twinbox/wasm-hooks/go/hook/attachment"
)

type config struct {
	Pixels    int `json:"pixels"`
	Quality   int `json:"quality"`
	MaxSource int `json:"maxSource"`
}

var settings = config{Pixels: 1024, Quality: 80, MaxSource: 16_000_000}

// softMemory is where the collector works harder: what the last picture took
// would else stay until as much again was taken.
const softMemory = 96 << 20

func init() {
	debug.SetMemoryLimit(softMemory)
	hook.Configure(&settings, settings.check)
	attachment.Handle(settings.answer)
}

func (c *config) check() error {
	switch {
	case c.Pixels < 1 || c.Pixels > 10_000:
		return errors.New("pixels is not within 1 and 10000")
	case c.Quality < 1 || c.Quality > 100:
		return errors.New("quality is not within 1 and 100")
	case c.MaxSource < 1 || c.MaxSource > 100_000_000:
		return errors.New("maxSource is not within 1 and 100000000")
	}
	return nil
}

func (c *config) answer(a *hook.Attachment) hook.Answer {
	about, format, err := image.DecodeConfig(bytes.NewReader(a.Bytes()))
	if err != nil || max(about.Width, about.Height) <= c.Pixels {
		return hook.Pass() // no picture, or small enough
	}
	// A few bytes may say that they are a billion pixels.
	if int64(about.Width)*int64(about.Height) > int64(c.MaxSource) {
		hook.Logf(hook.Warn, "%s has %d by %d pixels, too many to decode", a.Name(), about.Width, about.Height)
		return hook.Pass()
	}
	source, _, err := image.Decode(bytes.NewReader(a.Bytes()))
	if err != nil {
		hook.Logf(hook.Info, "%s is damaged: %v", a.Name(), err)
		return hook.Pass()
	}
	small := shrink(source, c.Pixels)
	if format == "jpeg" {
		small = upright(small, orientation(a.Bytes()))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, small, &jpeg.Options{Quality: c.Quality}); err != nil {
		panic(err) // a buffer takes everything, and a JPEG this size
	}
	return hook.ReplaceBytes(b.Bytes()).WithName(jpegName(a.Name())).WithMimeType("image/jpeg")
}

// jpegName ends a name so that it says what the file is.
func jpegName(name string) string {
	switch ext := path.Ext(name); strings.ToLower(ext) {
	case ".jpg", ".jpeg":
		return name
	default:
		return strings.TrimSuffix(name, ext) + ".jpg"
	}
}

func main() {} // never called
