package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph"
)

func bindLimits(f *pflag.FlagSet, l *engine.Limits, g *graph.Config) {
	g.BodyBytes, g.InFlightBytes = 48<<20, 256<<20
	size := func(p *int64, name, usage string) { f.Var((*sizeValue)(p), name, usage) }
	size(&l.ContentBytes, "max-content", "a message's content, without its attachments")
	size(&l.AttachmentBytes, "max-attachment", "an attachment that comes as base64")
	size(&l.UploadBytes, "max-upload", "an uploaded file")
	size(&l.SessionBytes, "max-session", "what one session's messages and attachments add up to")
	size(&g.BodyBytes, "max-body", "the body of one GraphQL request, base64 and all")
	size(&g.InFlightBytes, "max-in-flight", "the memory for the bodies of all GraphQL requests at one time, at least twice --max-body")
	size(&l.PageBytes, "page-content", "content after which a page of messages ends early")
	f.DurationVar(&l.UploadAge, "upload-age", l.UploadAge, "how long an upload waits for its message")
	f.IntVar(&l.QueueLength, "queue-length", l.QueueLength, "messages that may wait for one session")
	f.DurationVar(&l.QueueTime, "queue-time", l.QueueTime, "how long a message may wait to be written")
	f.DurationVar(&l.SpentAge, "unread-age", l.SpentAge, "how long context and system messages that an agent left unread stay, once it has dealt with a later message")
}

// checkLimits refuses what sizeValue cannot: waits and queues of nothing.
func checkLimits(l engine.Limits) error {
	if l.UploadAge <= 0 || l.QueueLength <= 0 || l.QueueTime <= 0 || l.SpentAge <= 0 {
		return failf(exitUsage, "--upload-age, --queue-length, --queue-time and --unread-age must be more than 0")
	}
	return nil
}

// sizeValue is a flag for a number of bytes.
type sizeValue int64

func (v *sizeValue) String() string { return humanize.IBytes(uint64(*v)) }
func (v *sizeValue) Type() string   { return "size" }

func (v *sizeValue) Set(s string) error {
	n, err := humanize.ParseBytes(s)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a size such as 512KiB, 25MiB or 1GiB", s)
	}
	*v = sizeValue(n)
	return nil
}

// folderFlags say who may work in session folders: the container's user must.
type folderFlags struct{ owner, dirMode, fileMode string }

func (v *folderFlags) bind(f *pflag.FlagSet) {
	f.StringVar(&v.owner, "folder-owner", "", "UID or UID:GID that owns what is made in session folders (needs privileges)")
	f.StringVar(&v.dirMode, "dir-mode", "0770", "mode of directories in session folders")
	f.StringVar(&v.fileMode, "file-mode", "0660", "mode of files in session folders")
}

func (v *folderFlags) apply(o *twinbox.Options) error {
	for _, mode := range []struct {
		flag, text string
		to         *os.FileMode
	}{{"dir-mode", v.dirMode, &o.DirMode}, {"file-mode", v.fileMode, &o.FileMode}} {
		n, err := strconv.ParseUint(mode.text, 8, 32)
		if err != nil || n == 0 || n > 0o777 {
			return failf(exitUsage, "--%s %q is not a mode such as 0770", mode.flag, mode.text)
		}
		*mode.to = os.FileMode(n)
	}
	if v.owner == "" {
		return nil
	}
	uid, gid, hasGroup := strings.Cut(v.owner, ":")
	ids := []struct {
		text string
		to   **int
	}{{uid, &o.UID}}
	if hasGroup {
		ids = append(ids, struct {
			text string
			to   **int
		}{gid, &o.GID})
	}
	for _, id := range ids {
		n, err := strconv.ParseUint(id.text, 10, 31)
		if err != nil {
			return failf(exitUsage, "--folder-owner %q is not UID or UID:GID, as numbers", v.owner)
		}
		*id.to = new(int(n))
	}
	return nil
}

type logFlags struct{ level, format string }

func (v *logFlags) bind(f *pflag.FlagSet) {
	f.StringVar(&v.level, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&v.format, "log-format", "text", "text or json")
}

func (v *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(v.level)); err != nil {
		return nil, failf(exitUsage, "--log-level %q is not debug, info, warn or error", v.level)
	}
	o := &slog.HandlerOptions{Level: level}
	switch v.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, failf(exitUsage, "--log-format %q is not text or json", v.format)
}
