// Command docker stands in for docker and podman where neither runs: as far as
// the engine uses them, it answers as they do and keeps its containers, which
// are mere processes, in a directory, $STANDIN_STATE. There it also records how it was
// called.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(125)
	}
}

func run(verb string, args []string) error {
	verbs := map[string]func(args []string) error{"create": create, "start": start, "supervise": supervise,
		"ps": ps, "wait": wait, "logs": logs, "stop": stop, "kill": kill, "rm": remove}
	if verbs[verb] == nil {
		return fmt.Errorf("no command %q", verb)
	}
	if err := record(verb, args); err != nil {
		return err
	}
	return verbs[verb](args)
}

func record(verb string, args []string) error {
	line, err := json.Marshal(append([]string{verb}, args...))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv("STANDIN_STATE"), "calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// alone has what changes which containers there are, or run, done by one call
// at a time.
func alone(change func() error) error {
	f, err := os.OpenFile(filepath.Join(os.Getenv("STANDIN_STATE"), "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return change()
}

func directory(id string) string {
	return filepath.Join(os.Getenv("STANDIN_STATE"), "containers", id)
}

// find returns the id of a container whose name, id or id's beginning is given.
func find(given string) (string, error) {
	entries, err := os.ReadDir(directory(""))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for _, e := range entries {
		if c, err := load(e.Name()); err == nil && (c.Name == given || strings.HasPrefix(e.Name(), given)) {
			return e.Name(), nil
		}
	}
	return "", fmt.Errorf("no such container: %s", given)
}

// state is "created", "running", "exited" or "removing".
func state(id string) (string, error) {
	for _, s := range [...]struct{ file, state string }{
		{"removing", "removing"}, {"exit", "exited"}, {"pid", "running"}, {"container", "created"},
	} {
		if _, err := os.Stat(filepath.Join(directory(id), s.file)); err == nil {
			return s.state, nil
		}
	}
	return "", fmt.Errorf("no such container: %s", id)
}

func ps(args []string) error {
	var labels []string
	format := "{{.ID}} {{.State}} {{.Names}}"
	for i, a := range args {
		switch a {
		case "--filter":
			labels = append(labels, strings.TrimPrefix(args[i+1], "label="))
		case "--format":
			format = args[i+1]
		}
	}
	entries, err := os.ReadDir(directory(""))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		c, cerr := load(e.Name())
		s, serr := state(e.Name())
		if cerr != nil || serr != nil {
			continue // being made, or gone
		}
		if slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(c.Labels, l) }) {
			continue
		}
		id := e.Name()
		if !slices.Contains(args, "--no-trunc") {
			id = id[:12]
		}
		fmt.Println(strings.NewReplacer("{{.ID}}", id, "{{.State}}", s, "{{.Names}}", c.Name).Replace(format))
	}
	return err
}

func wait(args []string) error {
	id, err := find(args[0])
	for ; err == nil; time.Sleep(10 * time.Millisecond) {
		if code, err := os.ReadFile(filepath.Join(directory(id), "exit")); err == nil {
			fmt.Println(string(code))
			return nil
		}
		_, err = state(id)
	}
	return err
}

// logs follows what a container prints until it has ended or is gone; as real
// ones do, it tells all that was printed before that.
func logs(args []string) error {
	id, err := find(args[len(args)-1])
	if err != nil {
		return err
	}
	var f *os.File
	for ; ; time.Sleep(10 * time.Millisecond) {
		s, err := state(id)
		if f == nil {
			if err != nil {
				return err
			}
			f, err = os.Open(filepath.Join(directory(id), "log"))
			if errors.Is(err, os.ErrNotExist) && (s == "created" || s == "running") {
				continue
			}
			if err != nil {
				return err
			}
		}
		over := err != nil || s == "exited" || s == "removing"
		if _, err := io.Copy(os.Stdout, f); over || err != nil {
			return err
		}
	}
}

func signal(id string, s syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(directory(id), "pid"))
	if err != nil {
		return fmt.Errorf("container %s is not running", id)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		return err
	}
	if s == syscall.SIGKILL {
		pid = -pid
	}
	if err := syscall.Kill(pid, s); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func kill(args []string) error {
	id, err := find(args[0])
	if err != nil {
		return err
	}
	return signal(id, syscall.SIGKILL)
}

func stop(args []string) error {
	seconds, err := strconv.Atoi(args[1])
	if err != nil || args[0] != "-t" {
		return fmt.Errorf("stop what? %q", args)
	}
	id, err := find(args[2])
	if err != nil {
		return err
	}
	if s, err := state(id); err != nil || s != "running" {
		return err
	}
	if err := signal(id, syscall.SIGTERM); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Duration(seconds) * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if s, err := state(id); err != nil || s != "running" {
			return err
		}
		if time.Now().After(deadline) {
			if err := signal(id, syscall.SIGKILL); err != nil {
				return err
			}
		}
	}
}

// remove is begun and done under the lock, and not all of it: as with docker,
// another call sees that it is under way.
func remove(args []string) error {
	id, err := find(args[len(args)-1])
	if err != nil {
		return err
	}
	err = alone(func() error {
		switch s, err := state(id); {
		case err != nil:
			return err
		case s == "running":
			return fmt.Errorf("container %s is running", id)
		case s == "removing":
			return fmt.Errorf("removal of container %s is already in progress", id)
		}
		return write(id, "removing", "")
	})
	if err != nil {
		return err
	}
	return alone(func() error {
		// At once: half of one is none.
		gone := filepath.Join(os.Getenv("STANDIN_STATE"), "gone-"+id)
		return errors.Join(os.Rename(directory(id), gone), os.RemoveAll(gone))
	})
}
