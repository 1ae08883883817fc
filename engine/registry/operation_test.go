package registry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func operation(id string, total int) (engine.Operation, []engine.MailRef) {
	refs := make([]engine.MailRef, total)
	for i := range refs {
		refs[i] = engine.MailRef{Direction: engine.DirectionIn, SessionID: "sess-1", ID: fmt.Sprint("m", i)}
	}
	since := created.Add(time.Millisecond)
	return engine.Operation{ID: id, Action: engine.OperationRetry, Filter: engine.SearchFilter{Text: "word", Since: &since}, Reason: "why",
		Status: engine.OperationRunning, Total: total, StartedAt: created}, refs
}

func TestAnOperationIsCompletedWithItsLastItem(t *testing.T) {
	r := mustNew(t)
	op, refs := operation("op-1", 1201)
	must(t, r.AddOperation(t.Context(), op, refs, 5))
	got, err := r.Operation(t.Context(), "op-1")
	must(t, err)
	if got.Status != engine.OperationRunning || got.Total != 1201 || got.Filter.Text != "word" || !got.Filter.Since.Equal(*op.Filter.Since) || got.EndedAt != nil {
		t.Fatalf("%+v", got)
	}
	seen := 0
	for {
		l, err := r.OperationItems(t.Context(), "op-1", engine.Page{Limit: 100}, engine.OutcomePending)
		must(t, err)
		if len(l.Items) == 0 {
			break
		}
		for i := range l.Items {
			item := &l.Items[i]
			if item.N != seen+1 || item.MailRef != refs[seen] {
				t.Fatalf("item %d is %+v", seen, item)
			}
			seen++
			item.Outcome = engine.OutcomeDone
			if seen%2 == 0 {
				reason := "no"
				item.Outcome, item.Problem = engine.OutcomeRefused, &reason
			}
		}
		for range 2 { // what is settled is not settled again
			got, err = r.SettleOperation(t.Context(), "op-1", l.Items, created.Add(time.Hour))
			must(t, err)
		}
		if got.Done+got.Refused != seen {
			t.Fatalf("after %d: %+v", seen, got)
		}
	}
	if got.Status != engine.OperationCompleted || got.Done != 601 || got.Refused != 600 || !got.EndedAt.Equal(created.Add(time.Hour)) {
		t.Errorf("%+v", got)
	}
	l, err := r.OperationItems(t.Context(), "op-1", engine.Page{Limit: 1}, engine.OutcomeRefused)
	must(t, err)
	if len(l.Items) != 1 || l.Items[0].N != 2 || *l.Items[0].Problem != "no" || !l.HasNext {
		t.Errorf("refused: %+v", l)
	}
}

func TestOperationsHaveALimitAndOldOnesGo(t *testing.T) {
	r := mustNew(t)
	for i := range 5 {
		op, refs := operation(fmt.Sprint("op-", i), 700)
		must(t, r.AddOperation(t.Context(), op, refs, 5))
	}
	op, refs := operation("op-5", 1)
	if err := r.AddOperation(t.Context(), op, refs, 5); engine.CodeOf(err) != engine.CodeLimitExceeded {
		t.Errorf("a sixth: %v", err)
	}
	if err := r.AddOperation(t.Context(), func() engine.Operation { op.ID = "op-0"; return op }(), refs, 6); engine.CodeOf(err) != engine.CodeConflict {
		t.Errorf("an id that is taken: %v", err)
	}
	for i := range 4 {
		_, err := r.CancelOperation(t.Context(), fmt.Sprint("op-", i), created)
		must(t, err)
	}
	for more := true; more; {
		var err error
		more, err = r.PruneOperations(t.Context(), 2)
		must(t, err)
	}
	l, err := r.Operations(t.Context(), engine.Page{Limit: 10})
	must(t, err)
	var left []string
	for _, op := range l.Items {
		left = append(left, op.ID)
	}
	if want := []string{"op-4", "op-3", "op-2"}; !slices.Equal(left, want) {
		t.Errorf("left are %v, not %v", left, want)
	}
	if items, err := r.OperationItems(t.Context(), "op-0", engine.Page{Limit: 1}, ""); err != nil || len(items.Items) > 0 {
		t.Errorf("what is left of one that is gone: %+v, %v", items, err)
	}
	running, err := r.RunningOperations(t.Context())
	must(t, err)
	if len(running) != 1 || running[0].ID != "op-4" {
		t.Errorf("running: %+v", running)
	}
}
