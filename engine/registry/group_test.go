package registry_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestAgentGroupIDsAreUnique(t *testing.T) {
	r := mustNew(t)
	wantCode(t, r.CreateAgentGroup(t.Context(), engine.AgentGroup{ID: "ag", Name: "again"}), engine.CodeConflict, "id")
	g, err := r.AgentGroup(t.Context(), "ag")
	must(t, err)
	if g.Name != "Group ag" {
		t.Errorf("the name became %q", g.Name)
	}
	_, err = r.AgentGroup(t.Context(), "none")
	wantCode(t, err, engine.CodeNotFound)
}

func TestMessagingGroupIsFoundOrMade(t *testing.T) {
	r := mustNew(t)
	name, other := "General", "Random"
	ensure := func(id, platformID string, name *string) (engine.MessagingGroup, bool, error) {
		return r.EnsureMessagingGroup(t.Context(), engine.MessagingGroup{ID: id, ChannelType: "slack", PlatformID: platformID, Name: name, CreatedAt: created})
	}
	g, made, err := ensure("new", "C-new", nil)
	must(t, err)
	if !made || g.ID != "new" || g.Name != nil || !g.CreatedAt.Equal(created) {
		t.Errorf("made %v: %+v", made, g)
	}
	for _, given := range []*string{&name, &other, nil} { // takes a name once, then keeps it
		g, made, err = ensure("unused", "C-new", given)
		must(t, err)
		if made || g.ID != "new" || g.Name == nil || *g.Name != name {
			t.Errorf("made %v: %+v", made, g)
		}
	}
	_, _, err = ensure("new", "C-other", nil)
	wantCode(t, err, engine.CodeConflict, "id")
	_, err = r.MessagingGroup(t.Context(), "unused")
	wantCode(t, err, engine.CodeNotFound)
	_, err = r.MessagingGroupByPlatform(t.Context(), "slack", "C-other")
	wantCode(t, err, engine.CodeNotFound)
	byID, err := r.MessagingGroup(t.Context(), "new")
	must(t, err)
	if *byID.Name != name {
		t.Errorf("%+v", byID)
	}
}

func TestManyCallersMakeOneMessagingGroup(t *testing.T) {
	r := mustNew(t)
	var (
		wg   sync.WaitGroup
		made = make(chan string, 100)
	)
	for i := range 100 {
		wg.Go(func() {
			g, ok, err := r.EnsureMessagingGroup(t.Context(), engine.MessagingGroup{ID: fmt.Sprintf("mg-%d", i), ChannelType: "slack", PlatformID: "C", CreatedAt: created})
			if err != nil {
				t.Error(err)
			}
			if ok {
				made <- g.ID
			}
		})
	}
	wg.Wait()
	if len(made) != 1 {
		t.Errorf("%d were made", len(made))
	}
}

func TestAChatThatTakesANameHasItForTheNextReader(t *testing.T) {
	r := mustNew(t)
	chat := engine.MessagingGroup{ID: "mg-1", ChannelType: "slack", PlatformID: "C1", CreatedAt: created}
	for _, name := range []*string{nil, new("Lobby")} {
		chat.Name = name
		if _, _, err := r.EnsureMessagingGroup(t.Context(), chat); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second one finds what the first one read
			g, err := r.MessagingGroup(t.Context(), "mg-1")
			if err != nil || (g.Name == nil) != (name == nil) || name != nil && *g.Name != *name {
				t.Fatalf("read %+v, %v after the name %v was given", g, err, name)
			}
		}
	}
}
