package hooks

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine"
)

const (
	levelDebug = "debug"
	levelInfo  = "info"
	levelWarn  = "warn"
	levelError = "error"
)

const (
	maxLogLines = 1000
	maxLogBytes = 256 << 10
)

// callLog takes what an instance writes in a call: so many bytes, in lines.
// Like the instance it serves one call at a time.
type callLog struct {
	limit int64 // of a call, in bytes
	sink  func(level, line string)

	left int64
	cut  bool
	// open are the lines of standard output and error that have no end yet.
	stdout, stderr []byte
	// first and last are lines of standard error.
	first, last string
}

// newCallLog makes a log of limit bytes a call, whose lines go to sink.
func newCallLog(limit int64, sink func(level, line string)) *callLog {
	return &callLog{limit: limit, left: limit, sink: sink}
}

// begin starts a call.
func (l *callLog) begin() {
	l.left, l.cut, l.first, l.last = l.limit, false, "", ""
}

// end puts out the lines that were not ended.
func (l *callLog) end() {
	if len(l.stdout) > 0 {
		l.line(levelInfo, string(l.stdout))
		l.stdout = l.stdout[:0]
	}
	if len(l.stderr) > 0 {
		l.errorLine(string(l.stderr))
		l.stderr = l.stderr[:0]
	}
}

// line logs a line, of which more than is left is left out.
func (l *callLog) line(level, text string) {
	if l.left <= 0 {
		if !l.cut && l.limit > 0 {
			l.cut = true
			l.sink(levelWarn, "the rest of this call's log is left out: it is limited to "+strconv.FormatInt(l.limit, 10)+" bytes")
		}
		return
	}
	if int64(len(text)) > l.left {
		text = text[:l.left]
	}
	l.left -= int64(len(text)) + 1
	l.sink(level, printable(text))
}

func (l *callLog) errorLine(text string) {
	l.line(levelWarn, text)
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	if l.first == "" {
		l.first = text
	}
	l.last = text
}

// wanted is how many of n bytes the log has use for: what it may keep, and a
// line of standard error for the text of a fault.
func (l *callLog) wanted(n int) int {
	return int(min(int64(n), max(l.left, maxFaultBytes/3)))
}

// write takes a piece of a stream.
func (l *callLog) write(toStderr bool, p []byte) {
	open, put := &l.stdout, func(text string) { l.line(levelInfo, text) }
	if toStderr {
		open, put = &l.stderr, l.errorLine
	}
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			*open = append(*open, p[:max(0, l.wanted(len(*open)+len(p))-len(*open))]...)
			return
		}
		put(string(append(*open, p[:min(end, l.wanted(end))]...)))
		*open, p = (*open)[:0], p[end+1:]
	}
}

// printable is s with what a terminal or a reader of logs would act on escaped.
func printable(s string) string {
	plain := func(r rune) bool { return r == '\t' || r != utf8.RuneError && unicode.IsPrint(r) }
	s = strings.TrimRight(s, "\r\n")
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if plain(r) || r == utf8.RuneError {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// journal keeps the last lines of a hook. Its methods may be called
// concurrently.
type journal struct {
	hook string
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex // guards what follows
	entries []engine.HookLogEntry
	bytes   int
}

func (j *journal) add(level, line string) {
	if j.log.Enabled(context.Background(), slog.LevelDebug) {
		j.log.Debug("a hook's log", "hook", j.hook, "level", level, "line", line)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, engine.HookLogEntry{At: j.now(), Level: level, Message: line})
	j.bytes += len(line)
	drop := 0
	for len(j.entries)-drop > maxLogLines || j.bytes > maxLogBytes && drop < len(j.entries)-1 {
		j.bytes -= len(j.entries[drop].Message)
		drop++
	}
	// The entries move on by themselves as the slice is grown.
	clear(j.entries[:drop])
	j.entries = j.entries[drop:]
}

// last returns n entries at most, oldest first.
func (j *journal) last(n int) []engine.HookLogEntry {
	j.mu.Lock()
	defer j.mu.Unlock()
	from := max(0, len(j.entries)-max(n, 0))
	return append([]engine.HookLogEntry{}, j.entries[from:]...)
}
