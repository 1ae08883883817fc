package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// work is a container's life: it answers what comes, and ends when nothing did
// for a while. A message that its predecessor died over is answered again, by
// a reply of the same id.
func work(dir string, args []string) error {
	flags := flag.NewFlagSet("work", flag.ContinueOnError)
	idle := flags.Duration("idle", time.Minute, "how long it waits for the next message")
	ask := flags.String("ask", "", "the agent group that is asked what a message wants to know")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := worker{dir: dir, ask: *ask}
	first, last := true, time.Now()
	for ctx.Err() == nil && time.Since(last) < *idle {
		did, err := c.round(first)
		if err != nil {
			// The engine may have died over its own file, and mends it when it is back.
			fmt.Fprintln(os.Stderr, "foreign: will try again:", err)
			time.Sleep(200 * time.Millisecond)
			continue
		}
		first = false
		if did {
			last = time.Now()
			continue
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

type worker struct {
	dir, ask string
}

func (w worker) round(first bool) (did bool, err error) {
	if first {
		err := with(w.dir, "outbound", "rw", func(db *sql.DB) error {
			_, err := db.Exec(`DELETE FROM processing_ack WHERE status = 'processing'`)
			return err
		})
		if err != nil {
			return false, err
		}
	}
	rows, err := due(w.dir, first)
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if row["trigger"] != int64(1) {
			continue
		}
		did = true
		if err := w.turn(row); err != nil {
			return did, err
		}
	}
	return did, nil
}

// turn answers one message. The order of the three writes is such that the
// first of them that a death leaves out is made by the next container.
func (w worker) turn(row map[string]any) error {
	id, _ := row["id"].(string)
	content, _ := row["content"].(string)
	var said struct{ Text string }
	_ = json.Unmarshal([]byte(content), &said) // else it says nothing
	now := time.Now()
	if err := os.WriteFile(filepath.Join(w.dir, ".heartbeat"), nil, 0o600); err != nil {
		return err
	}
	if err := os.Chtimes(filepath.Join(w.dir, ".heartbeat"), now, now); err != nil {
		return err
	}
	acknowledged := func(status string) error { return acknowledge(status)(w.dir, []string{id}) }
	if err := acknowledged("processing"); err != nil {
		return err
	}
	if strings.Contains(said.Text, "please fail") {
		return acknowledged("failed")
	}
	asked := row["channel_type"] == "agent" // by another agent
	if w.ask != "" && !asked && strings.Contains(said.Text, "please ask") {
		agent := "agent"
		if err := w.once(answer{id: "ask-" + id, kind: "chat", channel: &agent, platform: &w.ask, content: content}); err != nil {
			return err
		}
	}
	// What another agent says is an answer.
	if row["kind"] != "system" && !asked {
		if err := w.once(answer{id: "answer-" + id, inReplyTo: id, kind: "chat", content: content}); err != nil {
			return err
		}
	}
	return acknowledged("completed")
}

// once inserts a reply that is not there yet.
func (w worker) once(a answer) error {
	var there bool
	err := with(w.dir, "outbound", "ro", func(db *sql.DB) error {
		return db.QueryRow(`SELECT count(*) FROM messages_out WHERE id = ?`, a.id).Scan(&there)
	})
	if err != nil || there {
		return err
	}
	return insertReply(w.dir, a)
}

// guard becomes a command, and sees to it that it is the folder's only one: it
// holds a lock in another folder, which it leaves to the command and to all
// that it starts. If somebody has it, that is noted beside it.
func guard(dir string, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: foreign guard FOLDER LOCKS COMMAND …")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(args[0], filepath.Base(dir)+".lock")
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT, 0o600) // not to be closed at exec
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	// A process that dies gives up its files one after the other, and may have
	// given up the engine's lock a moment before this one.
	for deadline := time.Now().Add(100 * time.Millisecond); ; time.Sleep(time.Millisecond) {
		err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("a second container was started: %w", err), os.WriteFile(path+".twice", nil, 0o600))
		}
	}
	pid := fmt.Appendf(nil, "%-12d", os.Getpid())
	if _, err := syscall.Pwrite(fd, pid, 0); err != nil {
		return err
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}
