package hooks

import "time"

// CloseIdle closes instances that nobody has called since before.
func (h *Host) CloseIdle(before time.Time) { h.closeIdle(before) }
