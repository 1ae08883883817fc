package cli_test

import (
	"strings"
	"testing"
	"time"
)

func TestOperationsArePreviewedStartedShownAndCancelled(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	must[object](t, s, "agent-group", "create", "A", "--id", "a")
	x := s.session(t)
	for _, id := range []string{"m1", "m2"} {
		must[object](t, s, "message", "write", x.ID, "--text", "hello", "--id", id)
	}
	for deadline := time.Now().Add(2 * time.Minute); must[object](t, s, "operation", "preview", "cancel", "--session", x.ID)["count"] != 2.0; {
		if time.Now().After(deadline) {
			t.Fatal("two messages can be cancelled, and are not counted")
		}
	}
	type operation struct {
		ID, Status, Reason   string
		Total, Done, Refused int
	}
	start := []string{"operation", "start", "cancel", "--session", x.ID, "--reason", "nobody needs them", "--operation", "off"}
	if r := s.engine(t, append(start, "--expect", "3")...); r.code != 4 || !strings.Contains(r.stderr, "expectedCount: the filter selects 2 now, not 3") {
		t.Errorf("another count than expected: %+v", r)
	}
	op := must[operation](t, s, append(start, "--expect", "2")...)
	for deadline := time.Now().Add(2 * time.Minute); op.Status == "RUNNING"; op = must[operation](t, s, "operation", "show", "off") {
		if time.Now().After(deadline) {
			t.Fatalf("it goes on: %+v", op)
		}
	}
	if want := (operation{"off", "COMPLETED", "nobody needs them", 2, 2, 0}); op != want {
		t.Errorf("%+v, not %+v", op, want)
	}
	if ops := must[[]operation](t, s, "operation", "list"); len(ops) != 1 || ops[0] != op {
		t.Errorf("list: %+v", ops)
	}
	items := must[[]struct{ MessageID, Outcome string }](t, s, "operation", "items", "off", "--outcome", "done")
	if len(items) != 2 || items[0].MessageID != "m1" || items[1].MessageID != "m2" {
		t.Errorf("items: %+v", items)
	}
	if again := must[operation](t, s, "operation", "cancel", "off"); again != op {
		t.Errorf("called off when it had ended: %+v", again)
	}
	for args, code := range map[string]int{"operation show nobody": 3, "operation cancel nobody": 3, "operation start explode --reason x --expect 1": 2, "operation start retry --expect 1": 2} {
		if r := s.engine(t, strings.Fields(args)...); r.code != code {
			t.Errorf("%s: %+v", args, r)
		}
	}
}
