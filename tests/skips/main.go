// Command skips runs go test with the arguments that it is given, shows what go
// test shows, and tells at the end which tests were skipped, and why: what was
// not tested for lack of a tool shall not look like what passed.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	test := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	test.Stderr = os.Stderr
	out, err := test.StdoutPipe()
	if err == nil {
		err = test.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
	r := report{to: os.Stdout, packages: map[string]*outcome{}}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		r.read(line)
		if err != nil {
			break
		}
	}
	err = test.Wait()
	r.end()
	if err != nil {
		os.Exit(1)
	}
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

// outcome is of a package whose tests run.
type outcome struct {
	shown bytes.Buffer             // when they have ended
	tests map[string]*bytes.Buffer // what those that have not ended wrote
}

// report shows what go test told. That it cannot be shown is no reason to end
// the tests: errors of writing are dropped, and the status tells how they ended.
type report struct {
	to       io.Writer
	packages map[string]*outcome
	skipped  []string
}

func (r *report) read(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		_, _ = r.to.Write(line)
		return
	}
	if e.Action == "build-output" {
		_, _ = io.WriteString(r.to, e.Output)
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &outcome{tests: map[string]*bytes.Buffer{}}
		r.packages[e.Package] = p
	}
	wrote := p.tests[e.Test]
	if wrote == nil {
		wrote = &bytes.Buffer{}
		p.tests[e.Test] = wrote
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") && e.Output != "PASS\n" {
			wrote.WriteString(e.Output)
		}
		return
	case "pass":
	case "fail":
		_, _ = wrote.WriteTo(&p.shown)
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(wrote.String())))
		}
	default:
		return
	}
	if e.Test != "" {
		delete(p.tests, e.Test)
		return
	}
	if e.Action == "fail" { // with it, those that it kept from ending
		for _, w := range p.tests {
			_, _ = w.WriteTo(&p.shown)
		}
	} else {
		_, _ = wrote.WriteTo(&p.shown)
	}
	_, _ = p.shown.WriteTo(r.to)
	delete(r.packages, e.Package)
}

// reason is what a skipped test wrote, in one line.
func reason(wrote string) string {
	var said []string
	for line := range strings.Lines(wrote) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "--- SKIP") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

// end shows what is left of packages that did not end, and the skipped tests.
func (r *report) end() {
	for _, p := range r.packages {
		for _, w := range p.tests {
			_, _ = w.WriteTo(&p.shown)
		}
		_, _ = p.shown.WriteTo(r.to)
	}
	if len(r.skipped) > 0 {
		fmt.Fprintln(r.to, "\nThese tests were skipped:")
	}
	for _, s := range r.skipped {
		fmt.Fprintln(r.to, "skipped:", s)
	}
}
