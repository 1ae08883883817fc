package engine

import (
	"context"
	"time"
)

// MessagingGroup is a chat on a platform, unique by channel type and platform id.
type MessagingGroup struct {
	ID          string
	ChannelType string
	PlatformID  string
	Name        *string
	CreatedAt   time.Time
}

// MessagingGroups keeps messaging groups. Its methods may be called concurrently.
type MessagingGroups interface {
	// EnsureMessagingGroup returns the messaging group of g's channel type and
	// platform id, or stores g and returns it with created true. One that has
	// no name takes g's. When g.ID already names a chat of another channel
	// type or platform id it fails with CodeConflict on field "id".
	EnsureMessagingGroup(ctx context.Context, g MessagingGroup) (found MessagingGroup, created bool, err error)
	// MessagingGroup fails with CodeNotFound.
	MessagingGroup(ctx context.Context, id string) (MessagingGroup, error)
	// MessagingGroupByPlatform fails with CodeNotFound.
	MessagingGroupByPlatform(ctx context.Context, channelType, platformID string) (MessagingGroup, error)
	// MessagingGroups lists in order of creation, of one channel type unless "".
	MessagingGroups(ctx context.Context, p Page, channelType string) (List[MessagingGroup], error)
}

// EnsureMessagingGroupInput names a chat.
type EnsureMessagingGroupInput struct {
	// ID is for a chat that is made; nil lets the engine make one. A chat that
	// is found under another id is a CodeConflict.
	ID          *string
	ChannelType string
	PlatformID  string
	Name        *string
}

// EnsureMessagingGroup finds the messaging group of a channel type and
// platform id, or makes it.
func (e *Engine) EnsureMessagingGroup(ctx context.Context, in EnsureMessagingGroupInput) (MessagingGroup, bool, error) {
	g := MessagingGroup{ChannelType: in.ChannelType, PlatformID: in.PlatformID, Name: in.Name, CreatedAt: e.now()}
	if in.ID == nil {
		g.ID = newID("mg-")
	} else {
		g.ID = *in.ID
	}
	err := first(
		checkSafeID("id", g.ID),
		checkText("channelType", in.ChannelType, maxChannelTypeBytes),
		checkText("platformId", in.PlatformID, maxPlatformIDBytes),
		checkOptionalText("name", in.Name, maxNameBytes),
	)
	if err != nil {
		return MessagingGroup{}, false, err
	}
	done, err := e.begin()
	if err != nil {
		return MessagingGroup{}, false, err
	}
	defer done()
	found, created, err := e.registry.EnsureMessagingGroup(ctx, g)
	if err != nil {
		return MessagingGroup{}, false, err
	}
	if in.ID != nil && found.ID != *in.ID {
		return MessagingGroup{}, false, &Error{Code: CodeConflict, Field: []string{"id"},
			Message: "the chat exists already under the id " + found.ID}
	}
	if !created && in.Name != nil {
		e.projector.poke() // it may have taken the name, which destinations show
	}
	return found, created, nil
}

// MessagingGroup returns the messaging group of an id, or CodeNotFound.
func (e *Engine) MessagingGroup(ctx context.Context, id string) (MessagingGroup, error) {
	return e.registry.MessagingGroup(ctx, id)
}

// MessagingGroupByPlatform returns the messaging group of a chat, or CodeNotFound.
func (e *Engine) MessagingGroupByPlatform(ctx context.Context, channelType, platformID string) (MessagingGroup, error) {
	return e.registry.MessagingGroupByPlatform(ctx, channelType, platformID)
}

// MessagingGroups lists messaging groups in order of creation, all or those of
// one channel type.
func (e *Engine) MessagingGroups(ctx context.Context, p Page, channelType string) (List[MessagingGroup], error) {
	if err := p.check(); err != nil {
		return List[MessagingGroup]{}, err
	}
	return e.registry.MessagingGroups(ctx, p, channelType)
}
