//go:build race

package engineproc

// buildFlags give the engine the race detector when the test has it.
var buildFlags = []string{"-race"}
