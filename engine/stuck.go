package engine

import "time"

const (
	// silence is how long a container may work without touching its heartbeat,
	// firstSign how long it may take to touch it after it claimed a message.
	silence   = 30 * time.Minute
	firstSign = time.Minute
	// maxToolTimeout bounds what a container may declare for a tool.
	maxToolTimeout = 6 * time.Hour
)

// stuck tells whether a container that is said to run shows no sign of life
// (protocol: "Is the container alive?"). Without claims its silence is
// idleness, and without a heartbeat it has only just started, unless it
// claimed a message a while ago. beat is when the heartbeat was touched; times
// in the future count as now.
func (p *Pulse) stuck(now time.Time, beat *time.Time) bool {
	if len(p.Claims) == 0 {
		return false
	}
	tool := min(p.ToolTimeout, maxToolTimeout)
	if beat != nil && now.Sub(*beat) > max(silence, tool) {
		return true
	}
	for _, claimed := range p.Claims {
		if now.Sub(claimed) > max(firstSign, tool) && (beat == nil || beat.Before(claimed)) {
			return true
		}
	}
	return false
}
