package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
)

// How often an operation is done in one round.
const (
	creates     = 100
	finds       = 2000
	writes      = 300
	bursts      = 100 // by each of 64 callers
	spreads     = 15  // by each of 64 callers, to a session of its own
	attachments = 40
)

const chatText = `{"sender":"Ada","senderId":"u1","text":"Please look at the pull request and say what you think of it"}`

var imageBase64 = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 1<<20))

// library is the engine in this process, as a Go program uses it.
type library struct {
	data string
	host *twinbox.Host
	chat engine.MessagingGroup
	next int // the number of the next thread, for keys that are new
}

func openLibrary(ctx context.Context, data string) (*library, error) {
	host, err := twinbox.Open(ctx, data, twinbox.Options{Limits: engine.DefaultLimits()})
	if err != nil {
		return nil, err
	}
	l := &library{data: data, host: host}
	id := "ag"
	if _, err := host.CreateAgentGroup(ctx, engine.CreateAgentGroupInput{ID: &id, Name: "Agents"}); err != nil {
		return nil, err
	}
	l.chat, _, err = host.EnsureMessagingGroup(ctx, engine.EnsureMessagingGroupInput{ChannelType: "telegram", PlatformID: "1"})
	return l, err
}

func (l *library) resolve(ctx context.Context, thread int) (engine.Session, bool, error) {
	name := strconv.Itoa(thread)
	return l.host.ResolveSession(ctx, engine.ResolveSessionInput{
		AgentGroupID: "ag", MessagingGroupID: &l.chat.ID, ThreadID: &name, Mode: engine.ModePerThread})
}

// newSession makes a session that nothing was written to.
func (l *library) newSession(ctx context.Context) (engine.Session, error) {
	s, created, err := l.resolve(ctx, l.next)
	l.next++
	if err == nil && !created {
		err = fmt.Errorf("session %s exists already", s.ID)
	}
	return s, err
}

func (l *library) folder(s engine.Session) string { return filepath.Join(l.data, s.Folder()) }

func (l *library) create(ctx context.Context, _ int) (sample, error) {
	return measure(1, creates, func(int, int) error {
		_, err := l.newSession(ctx)
		return err
	})
}

func (l *library) find(ctx context.Context, _ int) (sample, error) {
	return measure(1, finds, func(_, i int) error {
		_, created, err := l.resolve(ctx, i%creates)
		if err == nil && created {
			err = fmt.Errorf("thread %d has no session yet", i%creates)
		}
		return err
	})
}

// write measures messages from so many callers into so many sessions.
func (l *library) write(callers, each, sessions int) side {
	return func(ctx context.Context, _ int) (sample, error) {
		ids := make([]string, sessions)
		for i := range ids {
			s, err := l.newSession(ctx)
			if err != nil {
				return sample{}, err
			}
			ids[i] = s.ID
		}
		return measure(callers, each, func(caller, _ int) error {
			return l.send(ctx, ids[caller%sessions], map[string]any{
				"sender": "Ada", "senderId": "u1", "text": "Please look at the pull request and say what you think of it"})
		})
	}
}

func (l *library) writeAttachment(ctx context.Context, _ int) (sample, error) {
	s, err := l.newSession(ctx)
	if err != nil {
		return sample{}, err
	}
	return measure(1, attachments, func(int, int) error {
		return l.send(ctx, s.ID, map[string]any{
			"text": "see file", "attachments": []any{map[string]any{"name": "photo.bin", "data": imageBase64}}})
	})
}

func (l *library) send(ctx context.Context, session string, content map[string]any) error {
	_, outcome, err := l.host.WriteMessage(ctx, engine.WriteMessageInput{SessionID: session, Content: content, Trigger: true})
	if err == nil && outcome != engine.OutcomeWritten {
		err = fmt.Errorf("the message was %s", outcome)
	}
	return err
}
