package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	maxLabels     = 64 // of one session
	maxLabelBytes = 128
)

// sessionSubject is a session that is about to be created.
type sessionSubject struct{ session HookSession }

func (u *sessionSubject) InputBytes() int64 { return 1 << 10 }

func (u *sessionSubject) AppendInput(_ context.Context, b []byte) ([]byte, error) {
	b = append(appendPoint(b, HookOnSession), `"session":`...)
	return append(u.describe(b), '}'), nil
}

func (u *sessionSubject) describe(b []byte) []byte {
	b = u.session.append(b)
	b = appendOptional(append(b[:len(b)-1], `,"channelType":`...), u.session.ChannelType)
	b = appendOptional(append(b, `,"platformId":`...), u.session.PlatformID)
	return append(b, '}')
}

// Release has nothing to let go of.
func (u *sessionSubject) Release() {}

func (u *sessionSubject) Describe() json.RawMessage { return u.describe(nil) }

// Replace takes new labels.
func (u *sessionSubject) Replace(a HookAnswer) error {
	if a.Labels == nil {
		return errors.New(`its answer has the action "replace" and no labels`)
	}
	if len(a.Labels) > maxLabels {
		return fmt.Errorf("its answer has %d labels, more than the %d that are allowed", len(a.Labels), maxLabels)
	}
	for _, l := range a.Labels {
		if err := checkText("label", l, maxLabelBytes); err != nil {
			return fmt.Errorf("its answer's %w", err)
		}
	}
	u.session.Labels = append([]string{}, a.Labels...)
	return nil
}

// runSessionHooks sets the labels of a session that is about to be created.
func (e *Engine) runSessionHooks(ctx context.Context, s *Session) error {
	if e.hooks == nil {
		return nil
	}
	route, err := e.sessionRoute(ctx, *s)
	if err != nil {
		return err
	}
	t := HookTarget{AgentGroupID: s.AgentGroupID, ChannelType: text(route.ChannelType)}
	if !e.hooks.Applies(HookOnSession, t) {
		return nil
	}
	u := &sessionSubject{session: hookSession(s)}
	u.session.ChannelType, u.session.PlatformID = route.ChannelType, route.PlatformID
	if _, err := e.hooks.Run(ctx, HookCall{HookOnSession, t, u, nil, e.hooksUntil()}); err != nil {
		return err
	}
	s.Labels = u.session.Labels
	return nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
