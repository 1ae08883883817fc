package graph

import (
	"context"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

// destinations lists an agent group's; never nil, which would be written as null.
func (r *resolver) destinations(ctx context.Context, agentGroupID string) ([]engine.Destination, error) {
	list, err := r.engine.Destinations(ctx, agentGroupID)
	if err == nil && list == nil {
		list = []engine.Destination{}
	}
	return list, err
}

func destinationType(d engine.Destination) model.DestinationType {
	if d.TargetAgentGroup != nil {
		return model.DestinationTypeAgent
	}
	return model.DestinationTypeChannel
}
