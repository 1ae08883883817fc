package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// demoAgent is the process that plays the container.
type demoAgent struct {
	cmd  *exec.Cmd
	stop context.CancelFunc
	done chan struct{} // closed when the process ended
	err  error         // why it ended; read it after done
}

func (a *demoAgent) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// startAgent starts "engine agent" on the session's folder, with "engine
// demo-agent" as its program, as an orchestrator would start a container.
func (d *demo) startAgent(ctx context.Context, stderr io.Writer) (*demoAgent, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the agent's program: %w", err)
	}
	if _, err := d.client.mutate(ctx, "markContainer", "session { id }", map[string]any{"sessionId": d.session.ID, "status": "RUNNING"}); err != nil {
		return nil, fmt.Errorf("mark the container: %w", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	a := &demoAgent{stop: stop, done: make(chan struct{})}
	workspace := filepath.Join(d.data, filepath.FromSlash(d.session.Folder))
	a.cmd = exec.CommandContext(ctx, self, "agent", "--workspace", workspace, "--input", "json", "--", self, demoAgentName)
	a.cmd.Stderr = stderr
	a.cmd.Cancel = func() error { return a.cmd.Process.Signal(os.Interrupt) }
	a.cmd.WaitDelay = 10 * time.Second
	if err := a.cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	go func() {
		a.err = errors.Join(errors.New("the agent's process ended"), a.cmd.Wait())
		close(a.done)
	}()
	d.step("An agent starts, as a process of its own that knows nothing but the folder:\n    %s", a.cmd)
	return a, nil
}

// stopAgent ends the agent and says so to the engine.
func (d *demo) stopAgent(ctx context.Context, a *demoAgent) error {
	a.stop()
	<-a.done
	_, err := d.client.mutate(ctx, "markContainer", "session { id }", map[string]any{"sessionId": d.session.ID, "status": "STOPPED"})
	if err != nil {
		return fmt.Errorf("mark the container: %w", err)
	}
	return nil
}

const demoAgentName = "demo-agent"

// newDemoAgentCommand is a small program such as "engine agent" runs: it
// reads a message, looks at its picture, and answers.
func newDemoAgentCommand() *cobra.Command {
	return &cobra.Command{Use: demoAgentName, Short: "The demo's agent: looks at a picture", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var in struct {
				Message struct{ Attachments []struct{ Path string } }
			}
			if err := json.NewDecoder(c.InOrStdin()).Decode(&in); err != nil {
				return fmt.Errorf("read the message: %w", err)
			}
			answer := "Show me a picture (a PNG), and I tell you what I see."
			if files := in.Message.Attachments; len(files) > 0 {
				var err error
				if answer, err = lookAt(files[0].Path, os.Getenv("TWINBOX_OUTBOX")); err != nil {
					return err
				}
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"text": answer})
		}}
}

// lookAt describes a picture and leaves a smaller one in outbox.
func lookAt(path, outbox string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open the picture: %w", err)
	}
	defer in.Close()
	picture, err := png.Decode(in)
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", filepath.Base(path), err)
	}
	out, err := os.Create(filepath.Join(outbox, "thumbnail.png"))
	if err != nil {
		return "", fmt.Errorf("make the thumbnail: %w", err)
	}
	err = png.Encode(out, shrink(picture, demoScale))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("make the thumbnail: %w", err)
	}
	b := picture.Bounds()
	top, bottom := b, b
	top.Max.Y, bottom.Min.Y = b.Min.Y+(b.Dy()+1)/2, b.Min.Y+b.Dy()/2
	return fmt.Sprintf("I see a picture of %d×%d pixels: %s above, %s below. A thumbnail is attached.",
		b.Dx(), b.Dy(), hex(picture, top), hex(picture, bottom)), nil
}

func hex(m image.Image, part image.Rectangle) string {
	c := mean(m, part)
	return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
}
