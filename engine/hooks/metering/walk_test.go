package metering_test

import (
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

func TestEveryPathIsPaidAheadAndNotMuchMore(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(specFolder(t), "v2", "testdata", "*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	modules := [][]byte{buildGuest(t, "transform")}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, b)
	}
	for _, s := range storms() {
		modules = append(modules, s.module.bytes())
	}
	random, walked := rand.New(rand.NewSource(1)), 0
	for i, module := range modules {
		if _, err := metering.Rewrite(module, permissive()); err != nil {
			continue // one of those that are refused
		}
		steps, err := metering.Walk(module, permissive().Limits, random)
		if err != nil {
			t.Errorf("module %d: %v", i, err)
		}
		walked += steps
	}
	if walked < 100_000 {
		t.Fatalf("only %d steps were taken", walked)
	}
}
