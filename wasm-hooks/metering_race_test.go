//go:build race

package wasmhooks_test

import (
	"os/exec"
	"strings"
	"testing"
)

// What it does in one goroutine takes a minute more with the race detector, so
// the program without it does it.
func TestMeteringChangesNothingThatAGuestDoes(t *testing.T) {
	program, err := compileProgram()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range meteredExamples {
		t.Run(dir, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), program, "-test.v", "-test.run", "^TestMeteringChangesNothingThatAGuestDoes$/^"+dir+"$").CombinedOutput()
			switch said := string(out); {
			case err != nil:
				t.Errorf("%v\n%s", err, said)
			case strings.Contains(said, "--- SKIP"):
				t.Skip(said)
			case !strings.Contains(said, "--- PASS: "+t.Name()+" "):
				t.Errorf("it did not run:\n%s", said)
			}
		})
	}
}
