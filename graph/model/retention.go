package model

import (
	"time"

	"github.com/twinbox/twinbox/engine"
)

// RetentionPolicy is engine.RetentionPolicy in seconds.
type RetentionPolicy struct {
	CloseIdleAfterSeconds, PruneFilesAfterSeconds, ArchiveClosedAfterSeconds *int64
}

// NewRetentionReport is what the API tells of a run of retention.
func NewRetentionReport(p engine.RetentionPolicy, r engine.RetentionReport) *RetentionReport {
	seconds := func(d time.Duration) *int64 {
		if d == 0 {
			return nil
		}
		return new(int64(d / time.Second))
	}
	out := &RetentionReport{More: r.More, Steps: make([]RetentionStep, len(r.Steps)), Policy: &RetentionPolicy{
		CloseIdleAfterSeconds: seconds(p.CloseIdle), PruneFilesAfterSeconds: seconds(p.PruneFiles), ArchiveClosedAfterSeconds: seconds(p.ArchiveClosed)}}
	for i, s := range r.Steps {
		out.Steps[i] = RetentionStep{RetentionStep: s}
	}
	return out
}

// RetentionStep is engine.RetentionStep with what is not there as null.
type RetentionStep struct{ engine.RetentionStep }

// SessionID is the session's id, whatever became of it.
func (s RetentionStep) SessionID() string { return s.RetentionStep.Session.ID }

// Session is nil once it is archived.
func (s RetentionStep) Session() *engine.Session {
	if step := s.RetentionStep; step.Action == engine.RetentionArchive && step.Files > 0 {
		return nil
	}
	return &s.RetentionStep.Session
}

// Archive is nil where none is made.
func (s RetentionStep) Archive() *string { return textOrNil(s.RetentionStep.Archive) }

// Problem is nil where all went well.
func (s RetentionStep) Problem() *string { return textOrNil(s.RetentionStep.Problem) }

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
