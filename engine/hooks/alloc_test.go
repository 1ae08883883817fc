//go:build !race

package hooks_test

import "testing"

// The race detector makes pools forget what they were given, so this test is
// for builds without.
func TestACallThatPassesAllocatesNothing(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering("").bytes())
	call := onMessage("a", &ready{input: []byte(small)})
	run := func() {
		if _, err := b.Run(t.Context(), call); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(1000, run); n > 0 {
		t.Errorf("a call that passes allocates %v times", n)
	}
}
