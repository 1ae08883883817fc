package engine

import (
	"encoding/json"
	"time"
)

// HookPoint is where in the flow of data a hook is called.
type HookPoint string

const (
	HookOnMessage    HookPoint = "ON_MESSAGE"
	HookOnAttachment HookPoint = "ON_ATTACHMENT"
	HookOnReply      HookPoint = "ON_REPLY"
	HookOnSession    HookPoint = "ON_SESSION"
)

// HookPoints returns all points, in the order in which they are shown.
func HookPoints() []HookPoint {
	return []HookPoint{HookOnMessage, HookOnAttachment, HookOnReply, HookOnSession}
}

// HookFailurePolicy says what becomes of an operation when a hook fails.
type HookFailurePolicy string

const (
	// HookFail: the operation fails with CodeHookFailed; nothing is written.
	HookFail HookFailurePolicy = "FAIL"
	// HookSkip: it goes on as if the hook had passed.
	HookSkip HookFailurePolicy = "SKIP"
)

// HookAction is what a call of a hook, or of a chain, came to.
type HookAction string

const (
	HookPassed    HookAction = "PASS"
	HookReplaced  HookAction = "REPLACE"
	HookDropped   HookAction = "DROP"
	HookRemoved   HookAction = "REMOVE"
	HookRejected  HookAction = "REJECT"
	HookFailed    HookAction = "FAIL"
	HookWasPassed HookAction = "SKIPPED" // it failed, and its policy is HookSkip
)

// CircuitState says whether a hook that failed repeatedly is called.
type CircuitState string

const (
	CircuitClosed   CircuitState = "CLOSED"    // it is called
	CircuitOpen     CircuitState = "OPEN"      // it is not; its policy applies
	CircuitHalfOpen CircuitState = "HALF_OPEN" // one call tries whether it works again
)

// HookShape is how a hook's module is called.
type HookShape string

const (
	HookReactor HookShape = "REACTOR" // by its exports
	HookCommand HookShape = "COMMAND" // by its _start, anew for each call
	HookScript  HookShape = "SCRIPT"  // JavaScript or TypeScript
)

// HookScope is where a hook applies; an empty list means everywhere.
type HookScope struct {
	AgentGroupIDs []string `json:"agentGroupIds,omitempty"`
	ChannelTypes  []string `json:"channelTypes,omitempty"`
	// Kinds are of messages; they narrow nothing where there is no message.
	Kinds []string `json:"kinds,omitempty"`
}

// HookLimits bound one call of a hook, but for Instances.
type HookLimits struct {
	// Fuel is in units of about an addition, for each started 16 KiB of input,
	// up to 1 MiB.
	Fuel int64 `json:"fuel"`
	// MemoryBytes bounds one instance's memory.
	MemoryBytes int64 `json:"memoryBytes"`
	InputBytes  int64 `json:"inputBytes"`
	OutputBytes int64 `json:"outputBytes"`
	LogBytes    int64 `json:"logBytes"`
	// Instances bounds the calls at one time, for each agent group.
	Instances int `json:"instances"`
}

// HookSettings are what an operator sets.
type HookSettings struct {
	Enabled bool
	// Points at which it is called, among those that its module handles.
	Points []HookPoint
	// Order is the place in a chain: lower runs first, equals by name.
	Order     int
	OnFailure HookFailurePolicy
	// Config is given to the hook, as JSON; nil is none.
	Config json.RawMessage
	Scope  HookScope
	Limits HookLimits
}

// HookVersion is a module, or script, that was installed under a hook's name.
type HookVersion struct {
	// SHA256 is of what was installed, in lower-case hexadecimal.
	SHA256 string
	// Size is in bytes.
	Size        int64
	InstalledAt time.Time
	Active      bool
	Shape       HookShape
	// Handles are the points that it can be called at: a reactor's and a
	// script's exports say which; a command may be called at each.
	Handles []HookPoint
}

// HookRecord is what is kept of a hook.
type HookRecord struct {
	Name string
	HookSettings
	// Versions are newest first, but that the one which was in use when the
	// newest came stands behind that; one is active.
	Versions []HookVersion
}

// Version is the active version.
func (r HookRecord) Version() HookVersion {
	for _, v := range r.Versions {
		if v.Active {
			return v
		}
	}
	return HookVersion{}
}

// Hook is an installed hook and how it fares.
type Hook struct {
	HookRecord
	HookState
}

// HookState is how a hook fares, since the engine was started.
type HookState struct {
	Circuit CircuitState
	// Problem says why it cannot run; nil where it can.
	Problem *string
	Stats   HookStats
}

// HookStats count a hook's calls. What nobody measured yet is nil.
type HookStats struct {
	Calls, Failures, Rejections int64
	// P50Micros and P99Micros are of the calls' time, in microseconds.
	P50Micros, P99Micros *float64
	// FuelPerCall is the mean.
	FuelPerCall *int64
	// Starts counts the instances that were made; StartMicros and FuelPerStart
	// are their means. A command's calls are their own starts, and not counted.
	Starts       int64
	StartMicros  *float64
	FuelPerStart *int64
	LastError    *string
	LastErrorAt  *time.Time
}

// MaxHookMinutes is how far back it is known how a hook fared in each minute.
const MaxHookMinutes = 240

// HookMinute is how a hook fared in a minute. The times are nil where no call
// ran.
type HookMinute struct {
	At                   time.Time
	Calls, Failures      int64
	P50Micros, P95Micros *float64
}

// HookLogEntry is a line that a hook logged, or that the engine noted of it.
type HookLogEntry struct {
	At      time.Time
	Level   string // "debug", "info", "warn" or "error"
	Message string
}
