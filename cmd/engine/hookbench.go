package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

func newHookBenchCommand() *cobra.Command {
	f, in, output, calls := trialFlags{}, sampleFlags{}, "table", 1000
	c := &cobra.Command{Use: "bench FILE|DIR [flags]", Short: "Measure a hook: time, fuel and memory of a call", Args: cobra.ExactArgs(1),
		Long: `Call a hook again and again on each of its fixtures, or on the input that is given,
and print what a call costs.

FRESH FUEL and MEMORY are of a fresh instance with a fixed clock and fixed random
numbers: the same on every machine, so that versions can be compared. The rest is
of warm instances, as an engine uses them, on this machine.`,
		Example: `  engine hook bench redact
  engine hook bench redact.js --content '{"text":"mail me: ada@example.org"}'
  engine hook bench ./thumbnail --attach photo.jpg --calls 50 -o json`,
		RunE: func(c *cobra.Command, args []string) error {
			if output != "table" && output != "json" {
				return failf(exitUsage, "-o %q is not table or json", output)
			}
			if calls < 1 {
				return failf(exitUsage, "--calls is 1 at least")
			}
			if err := in.check(); err != nil {
				return err
			}
			source, err := readHook(c, args[0])
			if err != nil {
				return err
			}
			samples, err := benchSamples(c, source, in)
			if err != nil {
				return err
			}
			var rows []measurement
			err = f.try(c, source, func(t *trial) error {
				for _, s := range samples {
					m, err := t.measure(c.Context(), s, calls)
					if err != nil {
						return err
					}
					rows = append(rows, m)
				}
				return nil
			})
			if err != nil {
				return err
			}
			return printMeasurements(c.OutOrStdout(), output, rows)
		}}
	in.bind(c)
	f.bind(c)
	c.Flags().IntVar(&calls, "calls", calls, "how often to call it on each")
	c.Flags().StringVarP(&output, "output", "o", output, "table or json")
	must(c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

// benchSamples are the one that the flags give, or the hook's fixtures.
func benchSamples(c *cobra.Command, source hookSource, in sampleFlags) ([]fixture.Case, error) {
	if in.given() {
		s, err := in.read(c)
		return []fixture.Case{s}, err
	}
	cases, err := fixture.Load(filepath.Join(source.dir, "fixtures"))
	if err != nil {
		return nil, failf(exitUsage, "there is no input; give --content, --input or --attach: %w", err)
	}
	cases = slices.DeleteFunc(cases, func(s fixture.Case) bool { return in.point != "" && in.point != s.Point.Export() })
	if len(cases) == 0 {
		return nil, failf(exitUsage, "no fixture is for %s", in.point)
	}
	return cases, nil
}

// measurement is what calls on one input cost.
type measurement struct {
	Input       string  `json:"input"`
	Point       string  `json:"point"`
	Action      string  `json:"action"`
	Calls       int     `json:"calls"`
	MeanMicros  float64 `json:"meanMicros"`
	P50Micros   float64 `json:"p50Micros"`
	P99Micros   float64 `json:"p99Micros"`
	FuelPerCall int64   `json:"fuelPerCall"`
	FreshFuel   int64   `json:"freshFuel"`
	MemoryBytes int64   `json:"memoryBytes"`
}

// measure calls the hook on a fresh instance, and then on warm ones.
func (t *trial) measure(ctx context.Context, s fixture.Case, calls int) (measurement, error) {
	fresh, err := t.call(ctx, s)
	if err != nil {
		return measurement{}, err
	}
	if fresh.Action == engine.HookFailed {
		return measurement{}, fmt.Errorf("hook %s failed on %s: %s", t.record.Name, s.Name, *fresh.Reason)
	}
	m := measurement{Input: s.Name, Point: s.Point.Export(), Action: strings.ToLower(string(fresh.Action)), Calls: calls,
		FreshFuel: fresh.Fuel, MemoryBytes: fresh.MemoryBytes}
	record := t.record
	record.Points = []engine.HookPoint{s.Point}
	if s.Config != nil {
		record.Config = s.Config
	}
	// What is counted is to be of this input alone.
	t.host.Use(nil)
	t.host.Use([]engine.HookRecord{record})
	for range max(1, calls/10) {
		if _, err := t.time(ctx, s); err != nil {
			return measurement{}, err
		}
	}
	times := make([]time.Duration, calls)
	var sum time.Duration
	for i := range times {
		if times[i], err = t.time(ctx, s); err != nil {
			return measurement{}, err
		}
		sum += times[i]
	}
	slices.Sort(times)
	m.MeanMicros, m.P50Micros, m.P99Micros = micros(sum/time.Duration(calls)), micros(times[calls/2]), micros(times[calls*99/100])
	if fuel := t.host.State(record.Name).Stats.FuelPerCall; fuel != nil {
		m.FuelPerCall = *fuel
	}
	return m, nil
}

// time is how long one call takes. A refusal is an answer.
func (t *trial) time(ctx context.Context, s fixture.Case) (time.Duration, error) {
	call, _, err := newHookCall(s)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = t.host.Run(ctx, call)
	took := time.Since(began)
	if engine.CodeOf(err) == engine.CodeHookRejected {
		err = nil
	}
	return took, err
}

func micros(d time.Duration) float64 { return math.Round(float64(d.Nanoseconds())/10) / 100 }

func printMeasurements(w io.Writer, output string, rows []measurement) error {
	if output == "json" {
		b, err := json.Marshal(rows)
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		return printJSON(w, b)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INPUT\tPOINT\tACTION\tCALLS\tMEAN\tP50\tP99\tFUEL\tFRESH FUEL\tMEMORY")
	for _, m := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.1f µs\t%.1f µs\t%.1f µs\t%s\t%s\t%s\n", printable(m.Input), m.Point, m.Action, m.Calls, m.MeanMicros, m.P50Micros, m.P99Micros,
			humanize.Comma(m.FuelPerCall), humanize.Comma(m.FreshFuel), humanize.IBytes(uint64(m.MemoryBytes)))
	}
	return t.Flush()
}
