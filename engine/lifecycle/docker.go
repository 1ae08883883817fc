package lifecycle

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Labels of containers: the data directory's name, the session's id and its
// agent group's.
const (
	labelData       = "twinbox.data"
	labelSession    = "twinbox.session"
	labelAgentGroup = "twinbox.agent-group"
)

// container is one that docker or podman runs. See engine.Container.
type container struct {
	wakers   *Wakers
	log      *slog.Logger
	cli      cli
	note     note
	session  string
	id       string // of the one that was made or found; "" if there is none
	grace    time.Duration
	stopping sync.Once
	stop     chan struct{} // closed to have it ended
	done     chan struct{}
}

func (w *Wakers) container(sessionID string, n note, grace time.Duration) *container {
	return &container{wakers: w, log: w.log.With("session", sessionID), cli: cli{n.Program, w.calls}, note: n, session: sessionID,
		grace: grace, stop: make(chan struct{}), done: make(chan struct{})}
}

// Done implements engine.Container.
func (c *container) Done() <-chan struct{} { return c.done }

// Stop implements engine.Container.
func (c *container) Stop() { c.stopping.Do(func() { close(c.stop) }) }

// name is what the container is made under: there are no two of one name. All
// else goes by its id, as another engine may have made one under this name since.
func (c *container) name() string { return "twinbox-" + c.note.Data + "-" + c.session }

// startContainer starts a session's container. It is made and started in two
// calls: one that an engine which was killed has left behind may still make
// it, but nobody starts it then.
func (w *Wakers) startContainer(ctx context.Context, s engine.Session, g Group) (engine.Container, error) {
	program, err := g.Docker.program()
	if err != nil {
		return nil, err
	}
	c := w.container(s.ID, note{Program: program, Data: w.name, Start: rand.Text()}, g.grace())
	err = c.create(ctx, s, g.Docker)
	if err != nil && ctx.Err() == nil {
		// Perhaps there is one of its name. The session was claimed for this one.
		if had, rerr := c.clear(ctx); had && rerr == nil {
			err = c.create(ctx, s, g.Docker)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.tidy())
	}
	if _, err = c.cli.call(ctx, callTime, "start", c.id); err == nil {
		go c.run()
		return c, nil
	}
	if terr := c.tidy(); terr != nil {
		// Whether it runs is not known until it was ended.
		c.log.Error("start a container, and end it as that failed", "error", errors.Join(err, terr))
		c.Stop()
		go c.run()
		return c, nil
	}
	return nil, err
}

// fullID is what an id must look like that is compared with those that find
// returns: where it is not among them, its container is taken for ended.
var fullID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// create notes the session's container and makes it. What is secret is in no
// argument: all who are on this machine can read those.
func (c *container) create(ctx context.Context, s engine.Session, d *Docker) error {
	// Each time: an engine whose container was in the way may have noted it meanwhile.
	if err := c.write(); err != nil {
		return err
	}
	data := c.wakers.data
	if d.DataDir != "" {
		data = d.DataDir
	}
	dir := folder(data, s)
	if !mountable(dir) {
		return fmt.Errorf("the path %q cannot be mounted: it has a comma, a quote or a control character", dir)
	}
	env := c.file(envFile)
	if err := os.WriteFile(env, []byte(d.environment(s)), 0o600); err != nil {
		return err
	}
	labels := []string{labelData + "=" + c.note.Data, labelSession + "=" + s.ID, labelAgentGroup + "=" + s.AgentGroupID}
	out, err := c.cli.call(ctx, createTime, append([]string{"create"}, d.arguments(c.note.Program, c.name(), env, dir, labels)...)...)
	if err == nil {
		// Fetching an image may print something before it.
		if id := out[strings.LastIndexByte(out, '\n')+1:]; fullID.MatchString(id) {
			c.id = id
		} else {
			err = fmt.Errorf("%s create: it printed %q, and no container's id", filepath.Base(c.note.Program), id)
		}
	}
	return errors.Join(err, os.Remove(env))
}

// adoptContainer takes over the container of a session that has a note.
func (w *Wakers) adoptContainer(ctx context.Context, s engine.Session, grace time.Duration) (engine.Container, error) {
	n, err := w.readNote(s.ID)
	if n == nil || err != nil {
		return nil, err
	}
	c := w.container(s.ID, *n, grace)
	if err := os.Remove(c.file(envFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		c.id = f.id
		if !f.never {
			go c.run("--tail", "100") // its latest lines: they may say why it ended
			return c, nil
		}
	}
	return nil, c.tidy()
}

// run waits for the container's end, and ends it when it is to stop. options
// are for the logs.
func (c *container) run(options ...string) {
	defer close(c.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		c.follow(ctx, options)
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.await(ctx)
	}()
	select {
	case <-ended:
	case <-c.stop:
		c.end(ended)
	}
	select {
	case <-logged:
	case <-time.After(killTime):
	}
	if err := c.tidy(); err != nil {
		c.log.Error("remove a container; the next start does", "error", err)
	}
}

// await returns when no process of the container runs.
func (c *container) await(ctx context.Context) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Minute) {
		status, err := c.cli.run(ctx, "wait", c.id)
		f, ferr := c.look(ctx, c.id)
		if ferr == nil && (f == nil || !f.runs) {
			if err == nil && status != "0" {
				c.log.Info("a session's container ended", "status", status)
			}
			return
		}
		if err = errors.Join(err, ferr); err != nil {
			c.log.Error("find out whether a container runs; will try again", "error", err)
		}
		time.Sleep(pause)
	}
}

// end has the container end.
func (c *container) end(ended <-chan struct{}) {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		err := c.halt(context.Background(), c.id)
		if err != nil {
			_, err = c.cli.call(context.Background(), callTime, "kill", c.id)
		}
		select {
		case <-ended:
			return
		case <-time.After(pause):
		}
		if err != nil {
			c.log.Error("stop a container; will try again", "error", err)
		}
	}
}

// halt asks one to end, and after the grace makes it. Nobody waits for this
// who wants to call for another container.
func (c *container) halt(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, c.grace+callTime)
	defer cancel()
	_, err := c.cli.run(ctx, "stop", "-t", strconv.Itoa(int(c.grace.Seconds())), id)
	return err
}

// follow logs what the container prints until it ends.
func (c *container) follow(ctx context.Context, options []string) {
	cmd := c.cli.command(ctx, append(append([]string{"logs", "--follow"}, options...), c.id)...)
	out := &lines{log: c.log}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	out.end()
	if err != nil && ctx.Err() == nil {
		c.log.Warn("read what a container prints", "error", err)
	}
}

// found is a container that there is.
type found struct {
	id string
	// never: it has never run.
	never bool
	runs  bool
	// leaves: somebody removes it.
	leaves bool
}

// find returns the session's containers.
func (c *container) find(ctx context.Context) ([]found, error) {
	out, err := c.cli.call(ctx, callTime, "ps", "--all", "--no-trunc", "--filter", "label="+labelData+"="+c.note.Data,
		"--filter", "label="+labelSession+"="+c.session, "--format", "{{.ID}} {{.State}}")
	if err != nil {
		return nil, err
	}
	var list []found
	for line := range strings.Lines(out) {
		id, state, _ := strings.Cut(strings.TrimSpace(line), " ")
		if id == "" {
			continue
		}
		f := found{id: id, runs: true} // unless it is known not to
		// podman says "Exited (1) 2 seconds ago".
		switch word, _, _ := strings.Cut(strings.ToLower(state), " "); word {
		case "created", "configured":
			f.never, f.runs = true, false
		case "exited", "stopped", "dead":
			f.runs = false
		case "removing":
			f.leaves = true
		}
		list = append(list, f)
	}
	return list, nil
}

// look returns the session's container of an id, or nil.
func (c *container) look(ctx context.Context, id string) (*found, error) {
	list, err := c.find(ctx)
	for i := range list {
		if list[i].id == id {
			return &list[i], nil
		}
	}
	return nil, err
}

// clear removes what there is of the session's containers; one that runs is
// stopped first.
func (c *container) clear(ctx context.Context) (had bool, err error) {
	list, err := c.find(ctx)
	for _, f := range list {
		var halted error
		if f.runs {
			halted = c.halt(ctx, f.id)
		}
		if err := c.remove(ctx, f.id); err != nil {
			return true, errors.Join(halted, err)
		}
	}
	return len(list) > 0, err
}

// remove removes a container; that it runs is an error, and that another
// engine is removing it or has is none.
func (c *container) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*callTime)
	defer cancel()
	// Without --force: what was started meanwhile is refused.
	_, err := c.cli.call(ctx, callTime, "rm", "--volumes", id)
	for err != nil {
		f, ferr := c.look(ctx, id)
		if ferr == nil && f == nil {
			return nil
		}
		if ferr != nil || !f.leaves {
			return errors.Join(err, ferr)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// tidy removes the container that this waker has made or found, and its note.
// There is an error if it runs, or if that cannot be found out.
func (c *container) tidy() error {
	list, err := c.find(context.Background())
	others := false
	for _, f := range list {
		if f.id == c.id {
			err = c.remove(context.Background(), f.id)
		} else {
			others = true
		}
	}
	// One that is not known to be this waker's, perhaps as its call was cut
	// short, is found by the note.
	if err != nil || others {
		return err
	}
	return c.forget()
}
