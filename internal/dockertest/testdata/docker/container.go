package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// container is what "create" was told.
type container struct {
	Name            string
	Root, Workspace string
	Command         []string
	Env, Labels     []string
}

func load(id string) (c container, err error) {
	text, err := os.ReadFile(filepath.Join(directory(id), "container"))
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}

func create(args []string) error {
	c := container{}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flag := args[0]
		args = args[1:]
		value := ""
		if flag != "--rootfs" && flag != "--read-only" && !strings.Contains(flag, "=") {
			value, args = args[0], args[1:]
		}
		switch flag {
		case "--name":
			c.Name = value
		case "--label":
			c.Labels = append(c.Labels, value)
		case "--rootfs":
			c.Root = args[0]
		case "--mount":
			source, target, _ := strings.Cut(strings.TrimPrefix(value, "type=bind,source="), ",target=")
			if target == "/workspace" {
				c.Workspace = source
			}
		case "--env-file":
			text, err := os.ReadFile(value)
			info, serr := os.Stat(value)
			if err := errors.Join(err, serr); err != nil {
				return err
			}
			if info.Mode() != 0o600 {
				return fmt.Errorf("others can read the variables in %s: %s", value, info.Mode())
			}
			c.Env = strings.Split(strings.TrimSpace(string(text)), "\n")
		}
	}
	if c.Root == "" {
		return fmt.Errorf("image %q not known", args[0])
	}
	c.Command = args[1:]
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	id := hex.EncodeToString(random[:])
	err = alone(func() error {
		if had, err := find(c.Name); err == nil {
			return fmt.Errorf("the container name %q is already in use by container %s", c.Name, had)
		}
		if err := os.MkdirAll(directory(id), 0o700); err != nil {
			return err
		}
		return write(id, "container", string(text))
	})
	if err == nil {
		fmt.Println(id)
	}
	return err
}

// write has a file there as a whole or not at all.
func write(id, file, text string) error {
	path := filepath.Join(directory(id), file)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// start has a process of its own run the container's, and wait for its end.
func start(args []string) error {
	id, err := find(args[0])
	if err != nil {
		return err
	}
	if s, err := state(id); err != nil || s != "created" {
		return errors.Join(err, fmt.Errorf("container %s is %s", id, s))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s := exec.Command(self, "supervise", id)
	s.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = s.Wait() // what it says is in a file
		close(ended)
	}()
	for {
		if now, err := state(id); err != nil || now == "running" || now == "exited" {
			return err
		}
		select {
		case <-ended:
			if now, err := state(id); err != nil || now == "running" || now == "exited" {
				return err
			}
			text, err := os.ReadFile(filepath.Join(directory(id), "problem"))
			return errors.Join(errors.New(string(text)), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func supervise(args []string) error {
	id := args[0]
	c, err := load(id)
	if err != nil {
		return err
	}
	inside := func(a string) string {
		if rest, ok := strings.CutPrefix(a, "/workspace"); ok {
			return c.Workspace + rest
		}
		if _, err := os.Stat(filepath.Join(c.Root, a)); err == nil && filepath.IsAbs(a) {
			return filepath.Join(c.Root, a)
		}
		return a
	}
	argv := slices.Clone(c.Command)
	for i := range argv {
		argv[i] = inside(argv[i])
	}
	log, err := os.Create(filepath.Join(directory(id), "log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Workspace, c.Env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = alone(func() error {
		if s, err := state(id); err != nil || s != "created" {
			return errors.Join(err, fmt.Errorf("container %s is %s", id, s))
		}
		if err := cmd.Start(); err != nil {
			return errors.Join(err, write(id, "problem", "cannot start: "+err.Error()))
		}
		return write(id, "pid", strconv.Itoa(cmd.Process.Pid))
	})
	if err != nil {
		return err
	}
	code := 0
	if err := cmd.Wait(); err != nil {
		code = max(cmd.ProcessState.ExitCode(), 0)
		if code == 0 {
			code = 137
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return write(id, "exit", strconv.Itoa(code))
}
