package cli_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestTheFiguresOfFuelInTheDocsAreTrue compares what docs/hooks/limits.md says
// that a character costs with what it costs, which depends on no machine.
func TestTheFiguresOfFuelInTheDocsAreTrue(t *testing.T) {
	t.Parallel()
	requireScripts(t)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the redactor is built with go")
	}
	limits := string(mustRead(t, filepath.Join("..", "..", "docs", "hooks", "limits.md")))
	trial := trials(t)
	passing := func(expression string) string {
		return script(t, "hook.js", "export function onMessage(m) { m.content.text.replace("+expression+`g, "") }`)
	}
	fuel := func(hook, text string) result {
		content, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		return run(t, plain(t, trial("run", hook, "--content", string(content))))
	}
	redactor := filepath.Join(t.TempDir(), "redact.wasm")
	if r := run(t, plain(t, trial("build", filepath.Join("..", "..", "wasm-hooks", "examples", "redact"), "-o", redactor))); r.code != 0 {
		t.Fatalf("build: %+v", r)
	}
	const words = "word and "
	for says, hook := range map[string]string{
		`about ([\d,]+) units for each character of words`: passing(`/(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+/`),
		`needs about ([\d,]+) units for one`:               redactor,
	} {
		quoted := regexp.MustCompile(says).FindStringSubmatch(limits)
		if quoted == nil {
			t.Fatalf("limits.md has no %q", says)
		}
		once, twice := fuelOf(t, fuel(hook, strings.Repeat(words, 1000))), fuelOf(t, fuel(hook, strings.Repeat(words, 2000)))
		cost, want := (twice-once)/(1000*len(words)), number(t, quoted[1])
		if cost < want*9/10 || cost > want*11/10 {
			t.Errorf("a character costs %d units, and limits.md says %q", cost, quoted[0])
		}
	}
	word := strings.Repeat("a", 1000)
	r := fuel(passing(`/[\w.+-]+@/`), word)
	mustContain(t, r.stderr, "ran out of fuel: it was given 200,000,000 units")
	if cost := fuelOf(t, fuel(passing(`/(?<![\w.+-])[\w.+-]+@/`), word)); cost > 2_000_000 {
		t.Errorf("a word costs %d units, and limits.md says a hundredth of 200 million", cost)
	}
}

// checkTemplateFuel compares what a template costs with what the README says,
// roughly: compilers of other versions make other code.
func checkTemplateFuel(t *testing.T, lang string, r result) {
	t.Helper()
	var rows []struct{ FuelPerCall int }
	if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil || len(rows) != 1 {
		t.Fatalf("bench: %+v, %v", r, err)
	}
	readme := string(mustRead(t, filepath.Join("..", "..", "wasm-hooks", "README.md")))
	quoted := regexp.MustCompile(`(?mi)^\| ` + lang + ` \|.*\| ([\d,]+) \| [\d.]+ µs \|$`).FindStringSubmatch(readme)
	if lang == "typescript" && quoted == nil {
		return // it is JavaScript by then
	}
	if quoted == nil {
		t.Fatalf("the README has no figures of %s", lang)
	}
	if want := number(t, quoted[1]); rows[0].FuelPerCall < want*3/4 || rows[0].FuelPerCall > want*5/4 {
		t.Errorf("a call costs %d units of fuel; the README says %s", rows[0].FuelPerCall, quoted[1])
	}
}

func fuelOf(t *testing.T, r result) int {
	t.Helper()
	m := regexp.MustCompile(`([\d,]+) fuel`).FindStringSubmatch(r.stderr)
	if r.code != 0 || m == nil {
		t.Fatalf("run: %+v", r)
	}
	return number(t, m[1])
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
