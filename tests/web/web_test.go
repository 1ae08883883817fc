// Package web_test opens the console that the real binary serves in a real
// browser.
package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/tests/internal/compiled"
	"github.com/twinbox/twinbox/tests/internal/engineproc"
	"github.com/twinbox/twinbox/tests/internal/foreigntest"
	"github.com/twinbox/twinbox/web"
)

func TestTheConsoleInABrowser(t *testing.T) {
	if web.Bundle() == nil {
		t.Skip("web/dist is missing: make builds the console with npm")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is missing: the console is tested in it (Debian: apt-get install chromium)")
	}
	if _, err := os.Stat(filepath.Join("node_modules", ".package-lock.json")); err != nil {
		t.Skip("tests/web/node_modules is missing: make test installs it with npm")
	}
	if !hooks.HasScripts() {
		t.Skip("QuickJS is missing: make fetches it with npm, and the hooks here are scripts")
	}
	data := filepath.Join(t.TempDir(), "data")
	compiled.Share(t, filepath.Join(data, "hooks"))
	c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "console.test.mjs")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ENGINE_") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "TWINBOX_TEST_ENGINE="+engineproc.PlainBinary(t), "TWINBOX_TEST_FOREIGN="+foreigntest.Binary(t),
		"TWINBOX_TEST_DATA="+data, "TWINBOX_TEST_CHROMIUM="+chromium)
	// The engine and the browser end with it, whatever becomes of the test.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 10 * time.Second
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
