package registry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

func toChat(agentGroup, name, chat string) engine.Destination {
	return engine.Destination{AgentGroupID: agentGroup, Name: name, MessagingGroup: &engine.MessagingGroup{ID: chat}}
}

func mustSet(t *testing.T, r *registry.Registry, d engine.Destination) engine.Destination {
	t.Helper()
	d, err := r.SetDestination(t.Context(), d)
	must(t, err)
	return d
}

func mustStale(t *testing.T, r *registry.Registry, agentGroup string) []engine.StaleSession {
	t.Helper()
	stale, err := r.StaleSessions(t.Context(), agentGroup, "", 100)
	must(t, err)
	return stale
}

func ids(stale []engine.StaleSession) (out []string) {
	for _, s := range stale {
		out = append(out, s.ID)
	}
	return out
}

func TestDestinationIsStoredAndReturnedWhole(t *testing.T) {
	r := mustNew(t)
	own := "Own name"
	d := toChat("ag", "b", "mg")
	d.OwnDisplayName = &own
	if d = mustSet(t, r, d); d.MessagingGroup.PlatformID != "C-mg" || d.DisplayName() != own {
		t.Errorf("%+v", d)
	}
	d = mustSet(t, r, engine.Destination{AgentGroupID: "ag", Name: "a", TargetAgentGroup: &engine.AgentGroup{ID: "other"}})
	if d.TargetAgentGroup.Name != "Group other" {
		t.Errorf("%+v", d)
	}
	mustSet(t, r, toChat("ag", "b", "dm")) // replaced, its own name too
	ds, err := r.Destinations(t.Context(), "ag")
	must(t, err)
	if len(ds) != 2 || ds[0].Name != "a" || ds[0].TargetAgentGroup == nil || ds[0].MessagingGroup != nil || ds[0].DisplayName() != "Group other" ||
		ds[1].MessagingGroup.ID != "dm" || ds[1].TargetAgentGroup != nil || ds[1].OwnDisplayName != nil || ds[1].AgentGroupID != "ag" {
		t.Errorf("%+v", ds)
	}
	for _, want := range []bool{true, false} {
		removed, err := r.RemoveDestination(t.Context(), "ag", "a")
		must(t, err)
		if removed != want {
			t.Errorf("removed is %v", removed)
		}
	}
	if ds, err = r.Destinations(t.Context(), "other"); err != nil || len(ds) != 0 {
		t.Errorf("%+v, %v", ds, err)
	}
}

func TestDestinationOfUnknownIDsNamesTheField(t *testing.T) {
	r := mustNew(t)
	mustSession(t, r, "sess-1")
	_, err := r.SetDestination(t.Context(), toChat("none", "a", "mg"))
	wantCode(t, err, engine.CodeNotFound, "agentGroupId")
	_, err = r.SetDestination(t.Context(), toChat("ag", "a", "none"))
	wantCode(t, err, engine.CodeNotFound, "messagingGroupId")
	_, err = r.SetDestination(t.Context(), engine.Destination{AgentGroupID: "ag", Name: "a", TargetAgentGroup: &engine.AgentGroup{ID: "none"}})
	wantCode(t, err, engine.CodeNotFound, "targetAgentGroupId")
	_, err = r.Destinations(t.Context(), "none")
	wantCode(t, err, engine.CodeNotFound, "agentGroupId")
	if removed, err := r.RemoveDestination(t.Context(), "ag", "none"); removed || err != nil {
		t.Errorf("removed %v, %v", removed, err)
	}
	if stale := mustStale(t, r, ""); len(stale) != 0 {
		t.Errorf("what failed made %v stale", ids(stale))
	}
}

func TestChangedDestinationsMakeTheGroupsActiveSessionsStale(t *testing.T) {
	r := mustNew(t)
	for _, id := range []string{"sess-c", "sess-a", "sess-b", "sess-closed"} {
		mustSession(t, r, id)
	}
	must(t, r.CreateSession(t.Context(), session("sess-other", "other", engine.ModeShared, "", "")))
	if _, err := r.CloseSession(t.Context(), "sess-closed", time.Now()); err != nil {
		t.Fatal(err)
	}
	mustSet(t, r, toChat("ag", "a", "mg"))
	stale := mustStale(t, r, "")
	if got := ids(stale); !slices.Equal(got, []string{"sess-a", "sess-b", "sess-c"}) {
		t.Fatalf("%v are stale", got)
	}
	if s := stale[0]; s.AgentGroupID != "ag" || !s.CreatedAt.Equal(created) || s.Version == 0 {
		t.Errorf("%+v", s)
	}
	if got := mustStale(t, r, "other"); len(got) != 0 {
		t.Errorf("%v of the other group are stale", ids(got))
	}
	next, err := r.StaleSessions(t.Context(), "ag", "sess-a", 1)
	must(t, err)
	if got := ids(next); !slices.Equal(got, []string{"sess-b"}) {
		t.Errorf("after sess-a comes %v", got)
	}
	must(t, r.ClearStale(t.Context(), stale[:2]))
	must(t, r.ClearStale(t.Context(), nil))
	if got := ids(mustStale(t, r, "ag")); !slices.Equal(got, []string{"sess-c"}) {
		t.Errorf("%v are stale", got)
	}
	if _, err := r.RemoveDestination(t.Context(), "ag", "a"); err != nil {
		t.Fatal(err)
	}
	if got := mustStale(t, r, "ag"); len(got) != 3 {
		t.Errorf("%v are stale", ids(got))
	}
	if _, err := r.CloseSession(t.Context(), "sess-a", time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := ids(mustStale(t, r, "ag")); !slices.Equal(got, []string{"sess-b", "sess-c"}) {
		t.Errorf("%v are stale", got)
	}
}

// Two passes read the same change; the slower one must not clear a later one.
func TestClearStaleLosesNoChangeThatCameInBetween(t *testing.T) {
	r := mustNew(t)
	mustSession(t, r, "sess-1")
	mustSet(t, r, toChat("ag", "a", "mg"))
	slow := mustStale(t, r, "ag")
	must(t, r.ClearStale(t.Context(), mustStale(t, r, "ag")))
	mustSet(t, r, toChat("ag", "a", "dm"))
	must(t, r.ClearStale(t.Context(), slow))
	if got := mustStale(t, r, "ag"); len(got) != 1 {
		t.Error("the second change is forgotten")
	}
}

// A chat's name is the display name of the destinations that lead to it.
func TestNamedChatMakesSessionsStaleThatAddressIt(t *testing.T) {
	r := mustNew(t)
	mustSession(t, r, "sess-1")
	must(t, r.CreateSession(t.Context(), session("sess-other", "other", engine.ModeShared, "", "")))
	mustSet(t, r, toChat("ag", "a", "mg"))
	must(t, r.ClearStale(t.Context(), mustStale(t, r, "")))
	name := "General"
	_, _, err := r.EnsureMessagingGroup(t.Context(), engine.MessagingGroup{ID: "mg", ChannelType: "slack", PlatformID: "C-mg", Name: &name})
	must(t, err)
	if got := ids(mustStale(t, r, "")); !slices.Equal(got, []string{"sess-1"}) {
		t.Errorf("%v are stale", got)
	}
}
