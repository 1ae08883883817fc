package soak_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killAgents ends agents with SIGKILL until it is told to stop.
func (w *world) killAgents(stop <-chan struct{}) {
	for n := 0; ; n++ {
		if done(stop, pauseBetween(0, 4*time.Second)) {
			w.note("%d tries to kill an agent", n)
			return
		}
		locks, err := filepath.Glob(filepath.Join(w.locks, "*.lock"))
		must(w.t, err)
		rand.Shuffle(len(locks), func(i, j int) { locks[i], locks[j] = locks[j], locks[i] })
		for _, lock := range locks {
			if pid := holder(lock); pid != 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
				w.note("killed agent %d of %s", pid, strings.TrimSuffix(filepath.Base(lock), ".lock"))
				break
			}
		}
	}
}

// holder is the agent that has a lock, 0 if nobody does.
func holder(path string) (pid int) {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return 0
	}
	text := make([]byte, 12)
	n, _ := f.Read(text)
	pid, _ = strconv.Atoi(strings.TrimSpace(string(text[:n])))
	return pid
}

// size is what an engine needs.
type size struct{ goroutines, files, heap, resident float64 }

func (s size) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f open files, %.0f MB of heap, %.0f MB in memory", s.goroutines, s.files, s.heap/1e6, s.resident/1e6)
}

// size asks the engine for its own.
func (w *world) size() (s size, err error) {
	e := w.engines.running()
	req, err := http.NewRequest(http.MethodGet, e.URL+"/metrics", nil)
	if err != nil {
		return s, err
	}
	req.Header.Set("Authorization", "Bearer "+e.Token)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	all := map[string]*float64{"go_goroutines": &s.goroutines, "process_open_fds": &s.files, "go_memstats_heap_alloc_bytes": &s.heap, "process_resident_memory_bytes": &s.resident}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if to := all[name]; to != nil {
			if *to, err = strconv.ParseFloat(value, 64); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// sample notes the engine's size now and then.
func (w *world) sample(stop <-chan struct{}) {
	for !done(stop, 10*time.Second) {
		if s, err := w.size(); err == nil { // else it has just died
			w.note("%s", s)
		}
	}
}
