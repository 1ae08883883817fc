package engine

import (
	"context"
	"time"
)

// AgentGroup is a group of agents that share a configuration and destinations.
type AgentGroup struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// AgentGroups keeps agent groups. Its methods may be called concurrently.
type AgentGroups interface {
	// CreateAgentGroup fails with CodeConflict if the id exists.
	CreateAgentGroup(ctx context.Context, g AgentGroup) error
	// AgentGroup fails with CodeNotFound.
	AgentGroup(ctx context.Context, id string) (AgentGroup, error)
	// AgentGroups lists in order of creation. A cursor that is not one of its
	// own fails with CodeInvalidInput.
	AgentGroups(ctx context.Context, p Page) (List[AgentGroup], error)
}

// CreateAgentGroupInput asks for a new agent group.
type CreateAgentGroupInput struct {
	// ID is made by the engine when nil.
	ID   *string
	Name string
}

// CreateAgentGroup makes an agent group; an id that exists is a CodeConflict.
func (e *Engine) CreateAgentGroup(ctx context.Context, in CreateAgentGroupInput) (AgentGroup, error) {
	g := AgentGroup{Name: in.Name, CreatedAt: e.now()}
	if err := checkText("name", in.Name, maxNameBytes); err != nil {
		return AgentGroup{}, err
	}
	if in.ID == nil {
		g.ID = newID("ag-")
	} else {
		g.ID = *in.ID
	}
	if err := checkSafeID("id", g.ID); err != nil {
		return AgentGroup{}, err
	}
	done, err := e.begin()
	if err != nil {
		return AgentGroup{}, err
	}
	defer done()
	if err := e.registry.CreateAgentGroup(ctx, g); err != nil {
		return AgentGroup{}, err
	}
	return g, nil
}

// AgentGroup returns the agent group of an id, or CodeNotFound.
func (e *Engine) AgentGroup(ctx context.Context, id string) (AgentGroup, error) {
	return e.registry.AgentGroup(ctx, id)
}

// AgentGroups lists agent groups in order of creation.
func (e *Engine) AgentGroups(ctx context.Context, p Page) (List[AgentGroup], error) {
	if err := p.check(); err != nil {
		return List[AgentGroup]{}, err
	}
	return e.registry.AgentGroups(ctx, p)
}
