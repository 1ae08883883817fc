package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheTutorialIsTrue runs the commands of the tutorial, in order and in one
// shell. Blocks of "sh" must succeed; in blocks of "console" each line that
// begins with "$ " is a command and what follows is its output; see matches.
func TestTheTutorialIsTrue(t *testing.T) {
	t.Parallel()
	requireScripts(t)
	for _, tool := range []string{"go", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the tutorial needs %s", tool)
		}
	}
	data := t.TempDir()
	c := plain(t, command(t, "serve", "--data", data, "--listen", "127.0.0.1:0"))
	bin := filepath.Dir(c.Path)
	s := start(t, c, data)
	steps := tutorialSteps(t, string(mustRead(t, filepath.Join("..", "..", "docs", "hooks", "tutorial.md"))))
	if len(steps) < 10 {
		t.Fatalf("the tutorial has %d steps", len(steps))
	}
	const mark = "\x1e"
	var source strings.Builder
	for _, step := range steps {
		fmt.Fprintf(&source, "printf '%s'\n", mark)
		if step.output == nil {
			fmt.Fprintf(&source, "set -e\n%sset +e\n", step.command)
			continue
		}
		source.WriteString(step.command)
	}
	c = s.command(t)
	c.Path, c.Args = "/bin/sh", []string{"sh", "-c", "exec 2>&1\n" + source.String()}
	c.Dir = t.TempDir()
	c.Env = append(c.Env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+t.TempDir())
	r := run(t, c)
	outputs := strings.Split(r.stdout, mark)[1:]
	for i, output := range outputs {
		if want := steps[i].output; want != nil && !matches(*want, output) {
			t.Errorf("%s\nprinted\n%s\nand the tutorial says\n%s", steps[i].command, output, *want)
		}
	}
	if len(outputs) < len(steps) {
		t.Errorf("%s\nfailed:\n%s", steps[len(outputs)-1].command, outputs[len(outputs)-1])
	}
}

type tutorialStep struct {
	command string
	output  *string // nil is any, of a command that succeeds
}

func tutorialSteps(t *testing.T, document string) []tutorialStep {
	t.Helper()
	var steps []tutorialStep
	for _, block := range regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$").FindAllStringSubmatch(document, -1) {
		if block[1] == "sh" {
			steps = append(steps, tutorialStep{command: block[2]})
			continue
		}
		for line := range strings.Lines(block[2]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				steps = append(steps, tutorialStep{command, new("")})
				continue
			}
			if len(steps) == 0 || steps[len(steps)-1].output == nil {
				t.Fatalf("the output %q has no command", line)
			}
			*steps[len(steps)-1].output += line
		}
	}
	return steps
}

// matches compares text with a pattern in which "…" is anything, and a number
// with a unit, a point or a comma, or a time, is any such; but fuel is what it
// is. How wide the columns of a table are is no matter.
func matches(pattern, text string) bool {
	blanks := regexp.MustCompile(`[ \t]+`)
	measured := regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z|\d[\d,.]*( µs| fuel| [KM]iB)|\d+[.,][\d,.]+|\b\d{5,}\b`)
	pattern, text = blanks.ReplaceAllString(pattern, " "), blanks.ReplaceAllString(text, " ")
	alike := func(number string) string {
		if strings.HasSuffix(number, " fuel") {
			return number
		}
		return "N"
	}
	parts := strings.Split(measured.ReplaceAllStringFunc(pattern, alike), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	ok, err := regexp.MatchString(`(?s)^`+strings.Join(parts, ".*")+`$`, measured.ReplaceAllStringFunc(text, alike))
	return ok && err == nil
}
