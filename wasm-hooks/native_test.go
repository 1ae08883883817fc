package wasmhooks_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
)

// Parts of the SDKs and examples are also compiled for this machine: there they
// run through many inputs quickly, with a sanitizer that sees what a module's
// own memory would hide.

type native struct{ file string }

// nativeC compiles C files with all that the compiler can check.
func nativeC(t *testing.T, include string, files ...string) native {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("there is no C compiler (cc)")
	}
	p := native{filepath.Join(t.TempDir(), "program")}
	args := append([]string{"-std=c11", "-D_DEFAULT_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", include, "-o", p.file}, files...)
	if out, err := exec.Command(cc, append(args, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")...).CombinedOutput(); err == nil {
		return p
	} else if out2, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s\n%s", err, out, out2)
	}
	t.Log("the C compiler has no sanitizers")
	return p
}

func nativeRust(t *testing.T, file string) native {
	t.Helper()
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		t.Skip("there is no rustc")
	}
	p := native{filepath.Join(t.TempDir(), "program")}
	out, err := exec.Command(rustc, "--edition=2021", "-Dwarnings", "-Copt-level=1", "-Cdebug-assertions", "-Coverflow-checks", "-o", p.file, file).CombinedOutput()
	if err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	return p
}

// run gives the program its inputs, and returns what it makes of each: nil for
// what it refuses.
func (p native) run(t *testing.T, inputs [][]byte, args ...string) [][]byte {
	t.Helper()
	var in, stdout, stderr bytes.Buffer
	for _, b := range inputs {
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))))
		in.Write(b)
	}
	c := exec.CommandContext(t.Context(), p.file, args...)
	c.Stdin, c.Stdout, c.Stderr = &in, &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var outputs [][]byte
	for stdout.Len() > 0 {
		head := stdout.Next(5)
		if len(head) < 5 {
			t.Fatal(errors.New("an answer is cut off"))
		}
		b := bytes.Clone(stdout.Next(int(binary.LittleEndian.Uint32(head[1:]))))
		if head[0] == 0 {
			b = nil
		}
		outputs = append(outputs, b)
	}
	if len(outputs) != len(inputs) {
		t.Fatalf("%d answers to %d inputs", len(outputs), len(inputs))
	}
	return outputs
}
