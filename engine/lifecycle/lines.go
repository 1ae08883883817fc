package lifecycle

import (
	"bytes"
	"log/slog"
)

// lines logs what a command prints, line by line. Only os/exec's one copying
// goroutine writes to it.
type lines struct {
	log  *slog.Logger
	rest []byte
}

const maxLine = 4 << 10

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < maxLine {
			return len(b), nil
		}
		line := l.rest[:min(max(i, 0), maxLine)]
		if i < 0 {
			line, i = l.rest, len(l.rest)-1
		}
		l.log.Info("agent: " + string(line))
		l.rest = append(l.rest[:0], l.rest[i+1:]...)
	}
}

// end logs a last line that was not ended: it may say why the command was.
func (l *lines) end() {
	if len(l.rest) > 0 {
		l.log.Info("agent: " + string(l.rest))
		l.rest = nil
	}
}
