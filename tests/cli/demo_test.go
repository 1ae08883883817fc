package cli_test

import (
	"bufio"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks"
)

func TestDemoRunsTheMainJob(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	r := run(t, command(t, "demo", "--once", "--data", data))
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	wellFormed(t, r.stdout)
	mustContain(t, r.stdout, "I see a picture of 640×400 pixels", "sunset.png", "thumbnail.png", "inbound.db", "outbound.db", "downloaded     thumbnail.png", "deliveryId")
	if hooks.HasScripts() {
		mustContain(t, r.stdout, "Two hooks see what goes in")
	} else {
		mustContain(t, r.stdout, "Hooks are left out")
	}
	found, err := filepath.Glob(filepath.Join(data, "v2-sessions", "*", "*", "inbox", "*", "sunset.png"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q %v", found, err)
	}
	f, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c, err := png.DecodeConfig(f); err != nil || c.Width != 640 {
		t.Errorf("the picture is %d pixels wide, %v", c.Width, err)
	}
	// Nothing of it is for show: the next engine finds it all.
	s := serve(t, data)
	list := must[[]session](t, s, "session", "list")
	if len(list) != 1 || list[0].ContainerStatus != "STOPPED" {
		t.Fatalf("sessions: %+v", list)
	}
	if m := must[[]message](t, s, "message", "list", list[0].ID); len(m) != 1 || m[0].Status != "COMPLETED" {
		t.Errorf("messages: %+v", m)
	}
}

func TestDemoServesOnUntilInterrupted(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	c := command(t, "demo", "--data", data)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var curl []string
	var said strings.Builder
	replies := ""
	url, address := "", ""
	for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C") {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), " reply list ") {
			replies = lines.Text()
		}
		if strings.HasPrefix(lines.Text(), "  curl ") || curl != nil && strings.HasPrefix(lines.Text(), "    ") {
			curl = append(curl, lines.Text())
		}
		if at, ok := strings.CutPrefix(lines.Text(), "1. The engine serves "); ok {
			url, _, _ = strings.Cut(at, "/graphql")
		}
		if strings.Contains(lines.Text(), "/#code=") {
			address = strings.TrimSpace(lines.Text())
		}
	}
	wellFormed(t, said.String())
	signsInOnce(t, url, address)
	if r := run(t, exec.CommandContext(t.Context(), "sh", "-c", replies)); !strings.Contains(r.stdout, "640×400") {
		t.Errorf("%q: %+v", replies, r)
	}
	if r := run(t, exec.CommandContext(t.Context(), "sh", "-c", strings.Join(curl, "\n"))); !strings.Contains(r.stdout, "640×400") {
		t.Errorf("%q: %+v", curl, r)
	}
	s := &server{data: data}
	list := must[[]session](t, s, "session", "list")
	picture, err := filepath.Glob(filepath.Join(data, "v2-sessions", "*", "*", "inbox", "*", "sunset.png"))
	if err != nil || len(picture) != 1 || len(list) != 5 {
		t.Fatalf("%q %v %v", picture, err, list)
	}
	session := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(picture[0]))))
	m := must[message](t, s, "message", "write", session, "--text", "And this one?", "--attach", picture[0])
	if answer := must[reply](t, s, "reply", "wait", session, "--in-reply-to", m.MessageID); !strings.Contains(answer.Content.Text, "640×400") {
		t.Errorf("the agent says %q", answer.Content.Text)
	}
	if failed := must[[]reply](t, s, "reply", "unsettled", "--status", "failed"); len(failed) != 1 {
		t.Errorf("undelivered replies: %+v", failed)
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// wellFormed fails where a text was made with a verb and no argument for it.
func wellFormed(t *testing.T, said string) {
	t.Helper()
	if _, after, bad := strings.Cut(said, "%!"); bad {
		t.Errorf("the demo says %%!%.80s", after)
	}
}

func TestDemoFailsWhereTheAgentDoesNotAnswer(t *testing.T) {
	t.Parallel()
	if r := run(t, command(t, "demo", "--once", "--data", t.TempDir(), "--timeout", "1ms")); r.code == 0 || !strings.Contains(r.stderr, "no reply within 1ms") {
		t.Errorf("%+v", r)
	}
}
