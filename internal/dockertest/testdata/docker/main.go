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

func directory(name string) string {
	return filepath.Join(os.Getenv("STANDIN_STATE"), "containers", name)
}

// state is "created", "running" or "exited".
func state(name string) (string, error) {
	dir := directory(name)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("no such container: %s", name)
	}
	if _, err := os.Stat(filepath.Join(dir, "exit")); err == nil {
		return "exited", nil
	}
	if _, err := os.Stat(filepath.Join(dir, "pid")); err == nil {
		return "running", nil
	}
	return "created", nil
}

func ps(args []string) error {
	var labels []string
	states := false
	for i, a := range args {
		if a == "--filter" {
			labels = append(labels, strings.TrimPrefix(args[i+1], "label="))
		}
		states = states || strings.Contains(a, "{{.State}}")
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
		if !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(c.Labels, l) }) {
			if !states {
				s = ""
			}
			fmt.Println(strings.TrimSpace(e.Name() + " " + s))
		}
	}
	return err
}

func wait(args []string) error {
	for {
		s, err := state(args[0])
		if err != nil {
			return err
		}
		if s == "exited" {
			code, err := os.ReadFile(filepath.Join(directory(args[0]), "exit"))
			fmt.Println(string(code))
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// logs follows what a container prints until it has ended, or another has its
// name; as real ones do, it tells all that was printed before that.
func logs(args []string) error {
	name := args[len(args)-1]
	path := filepath.Join(directory(name), "log")
	var f *os.File
	for ; ; time.Sleep(10 * time.Millisecond) {
		s, err := state(name)
		if f == nil {
			if err != nil {
				return err
			}
			f, err = os.Open(path)
			if errors.Is(err, os.ErrNotExist) && s != "exited" {
				continue
			}
			if err != nil {
				return err
			}
		}
		over := err != nil || s == "exited" || !is(f, path)
		if _, err := io.Copy(os.Stdout, f); over || err != nil {
			return err
		}
	}
}

// is tells whether f is still what path names.
func is(f *os.File, path string) bool {
	a, err := f.Stat()
	b, berr := os.Stat(path)
	return err == nil && berr == nil && os.SameFile(a, b)
}

func signal(name string, s syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(directory(name), "pid"))
	if err != nil {
		return fmt.Errorf("container %s is not running", name)
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

func kill(args []string) error { return signal(args[0], syscall.SIGKILL) }

func stop(args []string) error {
	seconds, err := strconv.Atoi(args[1])
	if err != nil || args[0] != "-t" {
		return fmt.Errorf("stop what? %q", args)
	}
	name := args[2]
	if s, err := state(name); err != nil || s != "running" {
		return err
	}
	if err := signal(name, syscall.SIGTERM); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Duration(seconds) * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if s, err := state(name); err != nil || s == "exited" {
			return err
		}
		if time.Now().After(deadline) {
			if err := signal(name, syscall.SIGKILL); err != nil {
				return err
			}
		}
	}
}

func remove(args []string) error {
	name := args[len(args)-1]
	switch s, err := state(name); {
	case err != nil:
		return err
	case s == "running":
		return fmt.Errorf("container %s is running", name)
	}
	return os.RemoveAll(directory(name))
}
