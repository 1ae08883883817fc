package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// skips runs it on a module of one package with a test of this body.
func skips(t *testing.T, body string) (output string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "skips")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.26\n",
		"a_test.go": "package m\n\nimport \"testing\"\n\n" +
			"func TestFine(t *testing.T) { t.Log(\"not to be seen\") }\n\n" +
			"func TestTool(t *testing.T) { t.Run(\"rust\", func(t *testing.T) { t.Skip(\"there is no rustc\") }) }\n\n" +
			"func TestIt(t *testing.T) { " + body + " }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(program, "-count=1", "./...")
	c.Dir = dir
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

func TestSkippedTestsAreTold(t *testing.T) {
	const told = "skipped: example.com/m TestTool/rust: a_test.go:7: there is no rustc\n"
	for _, c := range []struct {
		name, body string
		passes     bool
		shown      []string
	}{
		{"all pass", ``, true, []string{"ok  \texample.com/m", told}},
		{"one fails", `t.Error("it is wrong")`, false, []string{"--- FAIL: TestIt", "it is wrong", "FAIL\texample.com/m", told}},
		{"one panics", `panic("all is lost")`, false, []string{"panic: all is lost", "goroutine ", "FAIL\texample.com/m", told}},
		{"it does not build", `t.Nothing()`, false, []string{"t.Nothing undefined", "FAIL\texample.com/m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, ok := skips(t, c.body)
			if ok != c.passes {
				t.Errorf("it passes: %t", ok)
			}
			for _, want := range c.shown {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
			if strings.Contains(out, "not to be seen") || strings.Contains(out, "=== ") {
				t.Errorf("what passes says too much:\n%s", out)
			}
		})
	}
}
