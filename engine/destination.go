package engine

import (
	"context"
	"errors"
)

// Destination is a name by which an agent group's agents address a channel or
// another agent group. Exactly one of the targets is set.
type Destination struct {
	AgentGroupID string
	Name         string
	// OwnDisplayName is what the operator gave; see DisplayName.
	OwnDisplayName   *string
	MessagingGroup   *MessagingGroup
	TargetAgentGroup *AgentGroup
}

// DisplayName is the target's name, else the destination's own.
func (d Destination) DisplayName() string {
	switch {
	case d.MessagingGroup != nil && d.MessagingGroup.Name != nil:
		return *d.MessagingGroup.Name
	case d.TargetAgentGroup != nil:
		return d.TargetAgentGroup.Name
	case d.OwnDisplayName != nil:
		return *d.OwnDisplayName
	}
	return d.Name
}

// Projection is what a session's container is told of the world: its agent
// group's destinations, and where a reply goes that says nothing.
type Projection struct {
	Destinations []Destination
	Route        Route
}

// StaleSession is an active session whose destinations changed after they
// were last projected into its folder.
type StaleSession struct {
	Session
	// Version is for ClearStale: another change in between raises it.
	Version int64
}

// Destinations keeps destinations. Its methods may be called concurrently.
type Destinations interface {
	// SetDestination stores or replaces, and makes the group's active sessions
	// stale in the same transaction. MessagingGroup and TargetAgentGroup need
	// only their ID; the stored destination is returned whole. An id that does
	// not exist fails with CodeNotFound and its field, "agentGroupId",
	// "messagingGroupId" or "targetAgentGroupId".
	SetDestination(ctx context.Context, d Destination) (Destination, error)
	// RemoveDestination reports whether there was one; if so, sessions become stale.
	RemoveDestination(ctx context.Context, agentGroupID, name string) (bool, error)
	// Destinations lists by name. An unknown agent group is CodeNotFound.
	Destinations(ctx context.Context, agentGroupID string) ([]Destination, error)
	// StaleSessions lists stale active sessions by id, from behind after on,
	// of one agent group unless "". Its cost grows with what is stale.
	StaleSessions(ctx context.Context, agentGroupID, after string, limit int) ([]StaleSession, error)
	// ClearStale marks as projected those whose Version is still the same.
	ClearStale(ctx context.Context, sessions []StaleSession) error
}

// SetDestinationInput names a target: exactly one of the two ids is set.
type SetDestinationInput struct {
	AgentGroupID       string
	Name               string
	DisplayName        *string
	MessagingGroupID   *string
	TargetAgentGroupID *string
}

// SetDestination stores a destination and projects it into the group's active
// sessions. Folders that cannot be written now are tried again later.
func (e *Engine) SetDestination(ctx context.Context, in SetDestinationInput) (Destination, error) {
	if err := first(checkText("name", in.Name, maxNameBytes), checkOptionalText("displayName", in.DisplayName, maxNameBytes)); err != nil {
		return Destination{}, err
	}
	d := Destination{AgentGroupID: in.AgentGroupID, Name: in.Name, OwnDisplayName: in.DisplayName}
	switch {
	case (in.MessagingGroupID == nil) == (in.TargetAgentGroupID == nil):
		return Destination{}, InvalidField("messagingGroupId", "give exactly one of messagingGroupId and targetAgentGroupId")
	case in.MessagingGroupID != nil:
		d.MessagingGroup = &MessagingGroup{ID: *in.MessagingGroupID}
	default:
		d.TargetAgentGroup = &AgentGroup{ID: *in.TargetAgentGroupID}
	}
	done, err := e.begin()
	if err != nil {
		return Destination{}, err
	}
	defer done()
	d, err = e.registry.SetDestination(ctx, d)
	if err != nil {
		return Destination{}, err
	}
	e.projector.changed(ctx, in.AgentGroupID)
	return d, nil
}

// RemoveDestination removes a destination, if there is one of that name, and
// projects the rest into the group's active sessions.
func (e *Engine) RemoveDestination(ctx context.Context, agentGroupID, name string) (bool, error) {
	done, err := e.begin()
	if err != nil {
		return false, err
	}
	defer done()
	if _, err := e.registry.AgentGroup(ctx, agentGroupID); err != nil {
		return false, withField(err, "agentGroupId")
	}
	removed, err := e.registry.RemoveDestination(ctx, agentGroupID, name)
	if err != nil || !removed {
		return false, err
	}
	e.projector.changed(ctx, agentGroupID)
	return true, nil
}

// Destinations lists an agent group's destinations by name, or CodeNotFound.
func (e *Engine) Destinations(ctx context.Context, agentGroupID string) ([]Destination, error) {
	return e.registry.Destinations(ctx, agentGroupID)
}

// ProjectSession writes a session's destinations and routing into its folder,
// whole, and clears nothing else. An orchestrator that starts containers
// without MarkContainer calls it before each start.
func (e *Engine) ProjectSession(ctx context.Context, sessionID string) (Session, error) {
	done, err := e.begin()
	if err != nil {
		return Session{}, err
	}
	defer done()
	s, err := e.activeSession(ctx, sessionID)
	if err != nil {
		return Session{}, err
	}
	return s, e.project(ctx, s, e.mailboxes.Project)
}

// project reads what a session is to be told and has it written, one at a time
// for each session: else what was read first might be written last, and stay.
func (e *Engine) project(ctx context.Context, s Session, write func(context.Context, Session, Projection) error) error {
	unlock, err := e.projecting.lock(ctx, s.ID)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := e.projection(ctx, s)
	if err != nil {
		return err
	}
	return write(ctx, s, p)
}

func (e *Engine) projection(ctx context.Context, s Session) (Projection, error) {
	return ProjectionOf(ctx, e.registry, s)
}

// sessionRoute is where a session's messages come from: its chat and thread,
// nothing for one without a chat.
func (e *Engine) sessionRoute(ctx context.Context, s Session) (Route, error) {
	return routeOf(ctx, e.registry, s)
}

// ProjectionOf is what a session's folder is to say of the world.
func ProjectionOf(ctx context.Context, r Registry, s Session) (Projection, error) {
	ds, err := r.Destinations(ctx, s.AgentGroupID)
	if err != nil {
		return Projection{}, err
	}
	route, err := routeOf(ctx, r, s)
	return Projection{Destinations: ds, Route: route}, err
}

func routeOf(ctx context.Context, r Registry, s Session) (Route, error) {
	if s.MessagingGroupID == nil {
		return Route{}, nil
	}
	g, err := r.MessagingGroup(ctx, *s.MessagingGroupID)
	if err != nil {
		return Route{}, err
	}
	return Route{PlatformID: &g.PlatformID, ChannelType: &g.ChannelType, ThreadID: s.ThreadID}, nil
}

func withField(err error, field string) error {
	if e, ok := errors.AsType[*Error](err); ok && len(e.Field) == 0 {
		return e.In(field)
	}
	return err
}
