package hooks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// Code that was kept is used by later versions of the engine, as long as they
// would rewrite its module to the same. The specification's tests have every
// instruction and form of control.
func TestCodeOfAnEngineThatMetersDifferentlyIsNotUsed(t *testing.T) {
	const version, rewritten = 3, "6c718784e6b99c8bc1c8439abd6c33b25c51bcb29a19e04b624a2bd92213c83b"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest", "v2", "testdata", "*.wasm"))
	if err != nil || len(files) < 1000 {
		t.Fatal(len(files), err)
	}
	slices.Sort(files)
	h := sha256.New()
	for _, c := range []metering.Config{metering.DefaultConfig(), hooks.QuickJSConfig()} {
		for _, f := range files {
			module, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if metered, err := metering.Rewrite(module, c); err == nil {
				h.Write(metered)
			}
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != rewritten || hooks.CodeVersion != version {
		t.Fatalf("modules are rewritten differently: raise codeVersion, now %d, and give this test the new one and %s", hooks.CodeVersion, got)
	}
}
