package graph

import (
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/generated"
	"github.com/twinbox/twinbox/graph/model"
)

const (
	// maxComplexity bounds what one request may cost. A field costs 1; a list
	// costs its page size times what is asked of each item; what opens a file
	// costs more. A page of 100 sessions with 20 messages each, of which five
	// fields are read, is two thirds of it.
	maxComplexity = 20_000

	folderCost = 10
	statCost   = 3
	// installCost is of what may compile for seconds, probeCost of what makes
	// an instance, and dryRunCost of what makes one for each hook of a chain.
	installCost = 5_000
	probeCost   = 500
	dryRunCost  = 1_000
	// retentionCost is of what opens up to some thousand folders, or reads a
	// whole archive.
	retentionCost = 5_000
	// searchCost is of what may look at some ten thousand rows.
	searchCost = 500
	// operationCost is of what may select, and keep, ten thousand rows.
	operationCost = 2_000
	fewMarks      = 4
	// batchSize is for lists that take no page size, and is no bound on them.
	batchSize      = 100
	fewAttachments = 4
	fewTargets     = 20
	fewHooks       = 20
	fewRuns        = 4
	fewChanges     = 2
	fewVersions    = 10
	// eventBurst is how many events a subscription is counted as.
	eventBurst = 100
)

func complexity() (c generated.ComplexityRoot) {
	c.Query.AgentGroups = func(child int, first *int, _ *string) int { return pageCost(1, child, first, nil) }
	c.Query.MessagingGroups = func(child int, first *int, _, _ *string) int { return pageCost(1, child, first, nil) }
	c.Query.Sessions = func(child int, first *int, _ *string, _ *engine.SessionFilter) int {
		return pageCost(1, child, first, nil)
	}
	c.Query.Destinations = func(child int, _ string) int { return listCost(1, child, fewTargets) }
	c.Query.Message = func(child int, _, _ string) int { return listCost(folderCost, child, 1) }
	c.Query.Reply = func(child int, _, _ string) int { return listCost(folderCost, child, 1) }

	c.Subscription.Events = func(child int, _, _ *string, _ []engine.EventType) int { return listCost(1, child, eventBurst) }
	c.Event.Message = func(child int) int { return listCost(folderCost, child, 1) }
	c.Event.Reply = func(child int) int { return listCost(folderCost, child, 1) }
	c.Event.Hook = func(child int) int { return listCost(fewHooks, child, 1) }
	c.Query.UnsettledReplies = func(child int, first *int, _ *string, _ []engine.DeliveryStatus, _ *string) int {
		return pageCost(1, child+folderCost, first, nil)
	}
	c.Query.Search = func(child int, _ *engine.SearchFilter, first *int, _ *string) int {
		return pageCost(searchCost, child, first, nil)
	}
	c.Query.Attention = func(child int, _ *time.Time) int { return listCost(searchCost, child, 1) }
	c.Attention.Hooks = func(child int) int { return listCost(1, child, fewHooks) }
	c.AttentionSessions.Sessions = func(child int) int { return listCost(1, child, fewTargets) }
	c.SearchHit.Message = func(child int) int { return listCost(folderCost, child, 1) }
	c.SearchHit.Reply = func(child int) int { return listCost(folderCost, child, 1) }
	c.Query.Retention = func(child, _ int) int { return listCost(retentionCost, child, 1) }
	c.Mutation.RunRetention = func(child int, _ model.RunRetentionInput) int { return listCost(retentionCost, child, 1) }
	c.Mutation.RestoreSession = func(child int, _ engine.RestoreSessionInput) int { return listCost(retentionCost, child, 1) }
	c.RetentionReport.Steps = func(child int) int { return listCost(1, child, batchSize) }
	c.Query.Webhooks = func(child int) int { return listCost(1, child, fewTargets) }
	c.Mutation.ClaimReplies = func(child int, in engine.ClaimRepliesInput) int {
		return listCost(folderCost, child+folderCost, min(max(in.Max, 1), engine.MaxPage))
	}

	c.Query.Hooks = func(child int) int { return listCost(1, child, fewHooks) }

	c.Mutation.InstallHook = func(child int, _ model.InstallHookInput) int { return listCost(installCost, child, 1) }
	c.Mutation.UpdateHook = func(child int, _ model.UpdateHookInput) int { return listCost(probeCost, child, 1) }
	c.Mutation.RollbackHook = func(child int, _ model.RollbackHookInput) int { return listCost(probeCost, child, 1) }
	c.Mutation.DryRunHooks = func(child int, _ model.DryRunHooksInput) int { return listCost(dryRunCost, child, 1) }

	c.Hook.Versions = func(child int) int { return listCost(1, child, fewVersions) }
	c.Hook.Log = func(child int, last *int) int { return listCost(1, child, logLines(last)) }
	c.DryRunHooksPayload.Steps = func(child int) int { return listCost(1, child, fewHooks) }
	c.AgentGroup.Destinations = func(child int) int { return listCost(1, child, fewTargets) }
	c.AgentGroup.Sessions = func(child int, first *int, _ *string, last *int, _ *string) int {
		return pageCost(1, child, first, last)
	}
	c.Session.Heartbeat = func(child int) int { return statCost + child }
	c.Session.Messages = func(child int, first *int, _ *string, last *int, _ *string, _ []engine.MessageStatus) int {
		return pageCost(folderCost, child, first, last)
	}
	c.Session.Replies = func(child int, first *int, _ *string, last *int, _ *string, _ []engine.DeliveryStatus) int {
		return pageCost(folderCost, child, first, last)
	}
	c.Message.Attachments = func(child int) int { return listCost(statCost, child, fewAttachments) }
	c.Reply.Attachments = func(child int) int { return listCost(statCost, child, fewAttachments) }
	c.Session.Claims = func(child int) int { return listCost(folderCost, child, fewTargets) }
	c.Session.CurrentTool = func(child int) int { return folderCost + child }
	c.MessageClaim.Message = func(child int) int { return listCost(folderCost, child, 1) }
	c.Message.Replies = func(child int, first *int, _ *string) int { return pageCost(folderCost, child, first, nil) }
	// Items of a list share the reading, and a second field of one reads no more.
	c.Message.HookRuns = func(child int) int { return listCost(statCost, child, fewRuns) }
	c.Reply.HookRuns = func(child int) int { return listCost(statCost, child, fewRuns) }
	c.HookRun.Changes = func(child int) int { return listCost(1, child, fewChanges) }
	c.Message.ReceivedAt = func(child int) int { return statCost + child }
	c.Message.WrittenAt = func(child int) int { return statCost + child }
	c.Message.Operations = func(child int) int { return listCost(folderCost, child, fewMarks) }
	c.Reply.Operations = func(child int) int { return listCost(folderCost, child, fewMarks) }
	c.Hook.History = func(child, minutes int) int { return listCost(1, child, min(max(minutes, 1), engine.MaxHookMinutes)) }

	c.Query.Operations = func(child int, first *int, _ *string) int { return pageCost(1, child, first, nil) }
	c.Operation.Items = func(child int, first *int, _ *string, _ *engine.OperationOutcome) int {
		return pageCost(1, child, first, nil)
	}
	c.OperationItem.Message = func(child int) int { return listCost(folderCost, child, 1) }
	c.OperationItem.Reply = func(child int) int { return listCost(folderCost, child, 1) }
	c.Query.OperationPreview = func(child int, _ engine.OperationAction, _ engine.SearchFilter) int {
		return listCost(operationCost, child, 1)
	}
	c.Mutation.StartOperation = func(child int, _ engine.StartOperationInput) int { return listCost(operationCost, child, 1) }
	c.WriteMessagesPayload.Results = func(child int) int { return listCost(1, child, batchSize) }
	return c
}

// logLines takes a number that is refused later as the nearest that is not.
func logLines(last *int) int {
	if last == nil {
		return defaultLogLines
	}
	return min(max(*last, 1), maxLogLines)
}

// pageCost takes a page size that is refused later as the nearest that is not.
func pageCost(base, child int, first, last *int) int {
	n := defaultPage
	if first != nil {
		n = *first
	} else if last != nil {
		n = *last
	}
	return listCost(base, child, min(max(n, 1), engine.MaxPage))
}

// listCost stays just above maxComplexity where it would pass it, so that
// lists in lists do not overflow.
func listCost(base, child, n int) int {
	if child > maxComplexity {
		return maxComplexity + 1
	}
	return min(base+child*n, maxComplexity+1)
}
