package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/twinbox/twinbox/engine/lifecycle"
)

// readWakers reads the file of --wakers; "" is none.
func readWakers(path string) (lifecycle.Config, error) {
	if path == "" {
		return lifecycle.Config{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return lifecycle.Config{}, failf(exitUsage, "--wakers: %w", err)
	}
	defer f.Close()
	config, err := lifecycle.ReadConfig(f)
	if err != nil {
		return lifecycle.Config{}, failf(exitUsage, "--wakers %s: %w", path, err)
	}
	return config, nil
}

// reloadWakers reads the file of --wakers again. One with mistakes changes
// nothing.
func (s *server) reloadWakers() {
	config, err := readWakers(s.config.wakers)
	if err == nil {
		err = s.host.SetWakers(config)
	}
	if err != nil {
		s.config.log.Error("the file of --wakers is left as it was read before", "error", err)
		return
	}
	s.config.log.Info("read the file of --wakers again", "file", s.config.wakers)
}

// onHangUp does something at each SIGHUP, until stop is called and has
// returned.
func onHangUp(do func()) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-signals:
				do()
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(signals)
		close(done)
		wg.Wait()
	}
}
