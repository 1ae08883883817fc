package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// report is all that one run found out.
type report struct {
	At      time.Time `json:"at"`
	Machine machine   `json:"machine"`
	Rounds  int       `json:"rounds"`
	Rows    []result  `json:"rows"`
	Memory  *memory   `json:"memory,omitempty"`
}

func (r report) save(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// table is the report as Markdown, with its columns aligned.
func (r report) table() string {
	lines := [][]string{{"operation", "peer", "floor", "twinbox", "p99", "allocs", "× peer", "× floor", "target", "reached"}}
	for _, row := range r.Rows {
		line := []string{row.Operation, "", "", figure(row.Twinbox, row.Unit), duration(row.Twinbox.P99Micros), "", "", "", targets(row), yes(row.Reached)}
		if row.Twinbox.Allocs > 0 || row.AllocFree {
			line[5] = fmt.Sprintf("%.0f", row.Twinbox.Allocs)
		}
		if row.Peer != nil {
			line[1], line[6] = figure(*row.Peer, row.Unit), fmt.Sprintf("%.2f", row.TimesPeer)
		}
		for i, f := range row.Floors {
			if i > 0 {
				lines = append(lines, line)
				line = make([]string, len(line))
			}
			line[2], line[7] = figure(f.sample, row.Unit)+" "+f.Name, fmt.Sprintf("%.2f", f.TimesFloor)
			if f.Low != nil {
				line[7] = fmt.Sprintf("%.3f (%.3f to %.3f)", f.TimesFloor, *f.Low, *f.High)
			}
		}
		lines = append(lines, line)
	}
	return align(lines)
}

func targets(r result) string {
	var parts []string
	if r.TargetPeer > 0 {
		parts = append(parts, fmt.Sprintf("%g × peer", r.TargetPeer))
	}
	if r.TargetFloor > 0 {
		parts = append(parts, fmt.Sprintf("%g × floor", r.TargetFloor))
	}
	if r.TargetMicros > 0 {
		of := ""
		if r.OfTail {
			of = "p99 "
		}
		parts = append(parts, of+"≤ "+duration(r.TargetMicros))
	}
	if r.AllocFree {
		parts = append(parts, "no allocation")
	}
	return strings.Join(parts, ", ")
}

func figure(s sample, u unit) string {
	if u == perSecond {
		return fmt.Sprintf("%.0f /s", s.PerSecond)
	}
	return duration(s.P50Micros)
}

func duration(micros float64) string {
	switch {
	case micros < 10:
		return fmt.Sprintf("%.2f µs", micros)
	case micros < 1000:
		return fmt.Sprintf("%.1f µs", micros)
	}
	return fmt.Sprintf("%.2f ms", micros/1000)
}

func yes(reached *bool) string {
	switch {
	case reached == nil:
		return ""
	case *reached:
		return "yes"
	}
	return "no"
}

func align(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for n, line := range lines {
		for i, cell := range line {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))) + " ")
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, w := range widths {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}
