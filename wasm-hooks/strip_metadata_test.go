package wasmhooks_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const stripMetadata = "examples/strip-metadata"

func nativeStrip(t *testing.T) native {
	t.Helper()
	p := filepath.Join(stripMetadata, "%s.c")
	file := func(name string) string { return strings.Replace(p, "%s", name, 1) }
	return nativeC(t, stripMetadata, filepath.Join("testdata", "native", "strip.c"), file("jpeg"), file("png"), file("exif"))
}

// pixels decodes a picture; ok is false if it is none.
func pixels(b []byte) (m image.Image, ok bool) {
	m, _, err := image.Decode(bytes.NewReader(b))
	return m, err == nil
}

func samePixels(a, b image.Image) bool {
	if a.Bounds() != b.Bounds() {
		return false
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			if a.At(x, y) != b.At(x, y) {
				return false
			}
		}
	}
	return true
}

// mustBeClean checks what became of a picture that shows what aPicture does.
func mustBeClean(t *testing.T, before, after []byte) {
	t.Helper()
	for _, s := range []string{secret, secret[:3] + "\xff", "http:", "Comment", "Photoshop", "Cam\x00", "JFXX", "MPF"} {
		if bytes.Contains(after, []byte(s)) {
			t.Errorf("%q is left", s)
		}
	}
	a, ok := pixels(before)
	b, ok2 := pixels(after)
	if !ok || !ok2 || !samePixels(a, b) {
		t.Error("the pixels are not the same")
	}
}

func TestPicturesAreStrippedOfMetadataAndKeepTheirPixels(t *testing.T) {
	type picture struct {
		name          string
		before, plain []byte
		kept          []string
	}
	var pictures []picture
	var inputs [][]byte
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for o := range uint16(10) {
			oriented := ""
			if o >= 2 && o <= 8 {
				oriented = "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(o)) + "\x00\x00\x00\x00\x00\x00"
			}
			pictures = append(pictures,
				picture{"JPEG", metadataJPEG(t, order, o), mustJPEG(t), []string{oriented, "ICC_PROFILE\x00\x01\x01a profile"}},
				picture{"PNG", metadataPNG(t, order, o), mustPNG(t), []string{oriented, "pHYs"}})
		}
	}
	for _, p := range pictures {
		inputs = append(inputs, p.before, p.plain)
	}
	strip := nativeStrip(t)
	outputs := strip.run(t, inputs)
	for i, p := range pictures {
		t.Run(p.name, func(t *testing.T) {
			after := outputs[2*i]
			if after == nil {
				t.Fatal("it was refused")
			}
			mustBeClean(t, p.before, after)
			for _, s := range p.kept {
				if !bytes.Contains(after, []byte(s)) {
					t.Errorf("%q is missing", s)
				}
			}
			if p.kept[0] == "" && bytes.Contains(after, []byte("\x00\x2a\x00")) {
				t.Error("EXIF data without an orientation is left")
			}
			if !bytes.Equal(outputs[2*i+1], p.plain) {
				t.Error("a picture without metadata was changed")
			}
		})
	}
	if !slices.EqualFunc(strip.run(t, outputs), outputs, bytes.Equal) {
		t.Error("what was stripped is changed when it is stripped again")
	}
}

// The Go distribution has pictures of each coding: progressive, with restarts,
// in four colours, interlaced, cut off.
func TestEachCodingOfPicturesKeepsItsPixels(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(goroot)), "src", "image")
	jpegs, err := filepath.Glob(filepath.Join(root, "testdata", "*.jpeg"))
	if err != nil || len(jpegs) == 0 {
		t.Skip("this Go distribution came without its test data")
	}
	pngs, err := filepath.Glob(filepath.Join(root, "png", "testdata", "*", "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var inputs [][]byte
	for _, file := range append(jpegs, pngs...) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".jpeg") { // with a comment before each scan
			scan := []byte("\xff\xda")
			b = bytes.ReplaceAll(b, scan, append(segment(0xFE, secret), scan...))
		}
		if _, ok := pixels(b); ok {
			names, inputs = append(names, filepath.Base(file)), append(inputs, b)
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d pictures", len(names))
	}
	for i, out := range nativeStrip(t).run(t, inputs) {
		a, _ := pixels(inputs[i])
		if b, ok := pixels(out); !ok || !samePixels(a, b) {
			t.Errorf("%s: the pixels are not the same", names[i])
		}
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("%s: a comment is left", names[i])
		}
	}
}

func TestNoPictureHarmsTheOneThatStripsIt(t *testing.T) {
	var inputs, seeds [][]byte
	for _, p := range [][]byte{metadataJPEG(t, binary.LittleEndian, 6), metadataPNG(t, binary.BigEndian, 3), mustJPEG(t), mustPNG(t)} {
		for n := range len(p) {
			inputs = append(inputs, p[:n])
		}
		seeds = append(seeds, p, p[:min(len(p), 400)])
	}
	for _, b := range mutated(seeds, 20_000, "\x00\x01\x02\x06\x08\x1a\x7f\x80\xc0\xd0\xd8\xd9\xda\xe1\xed\xfe\xff") {
		if bytes.HasPrefix(b, []byte("\xff\xd8")) || bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) {
			inputs = append(inputs, b)
		}
	}
	strip := nativeStrip(t)
	outputs := strip.run(t, inputs)
	var again [][]byte
	passed := 0
	for i, out := range outputs {
		if out == nil {
			continue
		}
		again = append(again, out)
		if len(out) > len(inputs[i]) {
			t.Fatalf("%q grew", inputs[i])
		}
		a, ok := pixels(inputs[i])
		if !ok {
			continue
		}
		passed++
		if b, ok := pixels(out); !ok || !samePixels(a, b) {
			t.Fatalf("%q lost its pixels", inputs[i])
		}
	}
	if passed < 100 {
		t.Errorf("only %d of %d inputs were pictures", passed, len(inputs))
	}
	t.Logf("%d of %d inputs were pictures, %d were taken", passed, len(inputs), len(again))
	if !slices.EqualFunc(strip.run(t, again), again, bytes.Equal) {
		t.Error("what was stripped is changed when it is stripped again")
	}
}

func TestFixturesOfStripMetadataShowIt(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(stripMetadata, "fixtures", "*.expected.bin"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, expected := range files {
		t.Run(filepath.Base(expected), func(t *testing.T) {
			before, err := os.ReadFile(strings.Replace(expected, ".expected.", ".input.", 1))
			if err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(before, []byte(secret)) {
				t.Error("it had no metadata before")
			}
			mustBeClean(t, before, after)
		})
	}
}
