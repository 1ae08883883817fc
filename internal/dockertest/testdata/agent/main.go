// Command agent is all that is in a container of the tests: a static program
// that shows what it was given, runs until it is stopped, or ends.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run(mode string, args []string) error {
	if mode == "echo" {
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	}
	folder := args[0]
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if err := started(folder); err != nil {
		return err
	}
	switch mode {
	case "show":
		return show(folder)
	case "exit":
		code, err := strconv.Atoi(args[1])
		fmt.Println("the agent gives up")
		if err == nil {
			os.Exit(code)
		}
		return err
	case "stubborn":
		for {
			<-signals
		}
	case "run":
		<-signals
		fmt.Println("the agent was asked to end")
		return os.WriteFile(filepath.Join(folder, "ended"), []byte("by request\n"), 0o644)
	}
	return fmt.Errorf("no mode %q", mode)
}

// started notes that one more was started in the folder, and who it is.
func started(folder string) error {
	f, err := os.OpenFile(filepath.Join(folder, "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, time.Now().UnixNano())
	fmt.Println("the agent has started")
	return errors.Join(err, f.Close())
}

func show(folder string) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	var names []string
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	memory, _ := os.ReadFile("/sys/fs/cgroup/memory/memory.limit_in_bytes")
	if memory == nil {
		memory, _ = os.ReadFile("/sys/fs/cgroup/memory.max")
	}
	processes, _ := os.ReadFile("/sys/fs/cgroup/pids/pids.max")
	if processes == nil {
		processes, _ = os.ReadFile("/sys/fs/cgroup/pids.max")
	}
	mounted, _ := os.ReadFile("/extra/file")
	text, err := json.Marshal(map[string]any{
		"env": os.Environ(), "uid": os.Getuid(), "gid": os.Getgid(), "status": string(status), "interfaces": names,
		"memory": string(memory), "processes": string(processes), "mounted": string(mounted),
		"rootWritable":  os.WriteFile("/new", nil, 0o600) == nil,
		"extraWritable": os.WriteFile("/extra/new", nil, 0o600) == nil,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "out.new"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(filepath.Join(folder, "out.new"), filepath.Join(folder, "out"))
}
