package graph

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestUserErrors(t *testing.T) {
	invalid := engine.InvalidField("data", "not base64").In("content", "attachments", "0")
	for name, tc := range map[string]struct {
		err  error
		at   []string
		want []string
	}{
		"with a field":      {err: invalid, want: []string{"input", "content", "attachments", "0", "data"}},
		"wrapped":           {err: fmt.Errorf("write message m1: %w", invalid), want: []string{"input", "content", "attachments", "0", "data"}},
		"in a batch":        {err: invalid, at: []string{"messages", "3"}, want: []string{"input", "messages", "3", "content", "attachments", "0", "data"}},
		"without a field":   {err: engine.Errorf(engine.CodeConflict, "taken"), want: nil},
		"batch, no field":   {err: engine.Errorf(engine.CodeConflict, "taken"), at: []string{"messages", "3"}, want: []string{"input", "messages", "3"}},
		"a session closed":  {err: &engine.Error{Code: engine.CodeSessionClosed, Field: []string{"sessionId"}}, want: []string{"input", "sessionId"}},
		"over a limit":      {err: &engine.Error{Code: engine.CodeLimitExceeded, Field: []string{"messages"}}, want: []string{"input", "messages"}},
		"a hook's refusal":  {err: engine.Errorf(engine.CodeHookRejected, "no links"), want: nil},
		"a hook's failure":  {err: engine.Errorf(engine.CodeHookFailed, "trap"), at: []string{"messages", "3"}, want: []string{"input", "messages", "3"}},
		"what is not found": {err: &engine.Error{Code: engine.CodeNotFound, Field: []string{"agentGroupId"}}, want: []string{"input", "agentGroupId"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := userErrors(tc.err, tc.at...)
			if err != nil || len(got) != 1 || got[0].Code != engine.CodeOf(tc.err) || !slices.Equal(got[0].Field, tc.want) {
				t.Errorf("got %+v, %v; want the field %q", got, err, tc.want)
			}
		})
	}
	for _, fault := range []error{errors.New("disk"), engine.Unavailable(nil, "full"), engine.Errorf(engine.CodeInternal, "bug")} {
		if got, err := userErrors(fault); got != nil || !errors.Is(err, fault) {
			t.Errorf("%v is answered as %+v, %v", fault, got, err)
		}
	}
	if got, err := userErrors(nil); got == nil || len(got) != 0 || err != nil {
		t.Errorf("no error is answered as %+v, %v", got, err)
	}
}
