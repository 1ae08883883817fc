// Package soak_test runs the real engine with everything at once: hundreds of
// sessions whose agents are processes, hooks, deliveries that fail, and kills
// of agents and of the engine. Nothing in it is about one feature; what each
// promises alone must hold for all of them together.
package soak_test

import (
	"os"
	"sync"
	"testing"
	"time"
)

// soakTime is how long there is load, and how long the engine is killed: then
// one engine goes on, to show that it does not grow.
func soakTime(t *testing.T) (load, kills time.Duration) {
	t.Helper()
	load = 5 * time.Minute
	if v := os.Getenv("TWINBOX_SOAK"); v != "" {
		var err error
		if load, err = time.ParseDuration(v); err != nil || load <= 0 {
			t.Fatalf("TWINBOX_SOAK is %q, but must be a time such as 30m: %v", v, err)
		}
	}
	return load, load * 3 / 5
}

func TestSoak(t *testing.T) {
	load, kills := soakTime(t)
	w := newWorld(t)
	began := time.Now()
	var others, pulling sync.WaitGroup
	stopPulling := make(chan struct{})
	for range pullers {
		pulling.Go(func() { w.puller.run(w.engines, stopPulling) })
	}
	stop := make(chan struct{})
	w.startSeries()
	for range senders {
		others.Go(func() { w.send(stop) })
	}
	others.Go(func() { w.killAgents(stop) })
	others.Go(func() { w.sample(stop) })
	for time.Since(began) < kills && !t.Failed() {
		w.engines.replace(pauseBetween(time.Second, 30*time.Second))
	}
	w.note("no more kills of the engine")
	for time.Since(began) < load && !t.Failed() {
		time.Sleep(time.Second)
	}
	close(stop)
	others.Wait()
	w.note("no more load")
	w.receiver.calmDown()
	w.endSeries()
	w.drain()
	close(stopPulling)
	pulling.Wait()
	w.check()
	w.checkGrowth()
	w.checkStopped()
}
