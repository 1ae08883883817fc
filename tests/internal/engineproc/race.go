//go:build race

package engineproc

// Race tells whether the engine has the race detector, as the test has.
const Race = true

var buildFlags = []string{"-race"}
