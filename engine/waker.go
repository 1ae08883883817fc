package engine

import (
	"context"
	"time"
)

// Wakers start the containers of sessions that are due, by a configuration
// for each agent group. Their methods may be called concurrently.
type Wakers interface {
	// Wakes tells whether the containers of an agent group are started here;
	// otherwise an orchestrator elsewhere does.
	Wakes(agentGroupID string) bool
	// IdleTime is after how long without anything to do a container of an agent
	// group is stopped.
	IdleTime(agentGroupID string) time.Duration
	// MaxRunning bounds how many run at one time.
	MaxRunning() int
	// Start starts a session's container. Nothing of it runs if it fails, also
	// when ctx ends first.
	Start(ctx context.Context, s Session) (Container, error)
	// Adopt takes over a session's container that an engine before this one
	// has left. Nothing of it runs if there is neither a container nor an error.
	Adopt(ctx context.Context, s Session) (Container, error)
}

// Container is one that was started.
type Container interface {
	// Done is closed when no process of it runs any more.
	Done() <-chan struct{}
	// Stop asks it to end, and after a grace makes it. It does not wait.
	Stop()
}

// wakerOwner is who has the claims on containers that the engine runs.
const wakerOwner = "the engine's waker"
