package registry_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

// listing is one of the registry's lists, by the ids of its items.
type listing func(t *testing.T, r *registry.Registry, p engine.Page) (engine.List[string], error)

func pick[T any](l engine.List[T], err error, id func(T) string) (engine.List[string], error) {
	out := engine.List[string]{Cursors: l.Cursors, HasNext: l.HasNext, HasPrevious: l.HasPrevious}
	for _, item := range l.Items {
		out.Items = append(out.Items, id(item))
	}
	return out, err
}

func agentGroups(t *testing.T, r *registry.Registry, p engine.Page) (engine.List[string], error) {
	l, err := r.AgentGroups(t.Context(), p)
	return pick(l, err, func(g engine.AgentGroup) string { return g.ID })
}

func messagingGroups(channelType string) listing {
	return func(t *testing.T, r *registry.Registry, p engine.Page) (engine.List[string], error) {
		l, err := r.MessagingGroups(t.Context(), p, channelType)
		return pick(l, err, func(g engine.MessagingGroup) string { return g.ID })
	}
}

func sessions(f engine.SessionFilter) listing {
	return func(t *testing.T, r *registry.Registry, p engine.Page) (engine.List[string], error) {
		l, err := r.Sessions(t.Context(), p, f)
		return pick(l, err, func(s engine.Session) string { return s.ID })
	}
}

// mustMany adds items until each list has some: sessions of all modes and
// states, in two groups and chats, in turn.
func mustMany(t *testing.T, r *registry.Registry) (all []engine.Session) {
	t.Helper()
	for i := range 7 {
		must(t, r.CreateAgentGroup(t.Context(), engine.AgentGroup{ID: fmt.Sprintf("ag-%d", 9-i), Name: "x", CreatedAt: created}))
		_, _, err := r.EnsureMessagingGroup(t.Context(), engine.MessagingGroup{ID: fmt.Sprintf("mg-%d", 9-i),
			ChannelType: []string{"slack", "telegram"}[i%2], PlatformID: fmt.Sprint(9 - i), CreatedAt: created})
		must(t, err)
	}
	modes := []engine.SessionMode{engine.ModeShared, engine.ModePerThread, engine.ModeAgentShared}
	containers := []engine.ContainerStatus{engine.ContainerRunning, engine.ContainerIdle, engine.ContainerStopped}
	for i := range 108 {
		s := session(fmt.Sprintf("sess-%d", 1000-i), []string{"ag", "other"}[i%2], modes[i/2%3], []string{"", "mg", "dm"}[i/6%3], strconv.Itoa(i))
		if s.Mode == engine.ModeAgentShared || s.Mode == engine.ModeShared && i%4 < 2 {
			s.Status = engine.SessionClosed
		}
		s.ContainerStatus = containers[i/18%3]
		if err := r.CreateSession(t.Context(), s); engine.CodeOf(err) == engine.CodeConflict {
			s.Status = engine.SessionClosed
			must(t, r.CreateSession(t.Context(), s))
		}
		all = append(all, s)
	}
	slices.Reverse(all)
	return all
}

func listings() map[string]listing {
	return map[string]listing{
		"agent groups":           agentGroups,
		"messaging groups":       messagingGroups(""),
		"slack messaging groups": messagingGroups("slack"),
		"sessions":               sessions(engine.SessionFilter{}),
		"sessions of a group":    sessions(engine.SessionFilter{AgentGroupID: "ag"}),
		"sessions of a chat":     sessions(engine.SessionFilter{MessagingGroupID: "mg", Mode: engine.ModePerThread}),
		"running sessions":       sessions(engine.SessionFilter{ContainerStatus: []engine.ContainerStatus{engine.ContainerRunning, engine.ContainerIdle}}),
	}
}

// walk pages through a whole list and checks what each page says of the next.
func walk(t *testing.T, r *registry.Registry, list listing, limit int, backward bool) (all []string) {
	t.Helper()
	p := engine.Page{Limit: limit, Backward: backward}
	for first := true; ; first = false {
		l, err := list(t, r, p)
		must(t, err)
		if len(l.Items) != len(l.Cursors) || len(l.Items) > limit {
			t.Fatalf("%d items, %d cursors, limit %d", len(l.Items), len(l.Cursors), limit)
		}
		more, before := l.HasNext, l.HasPrevious
		if backward {
			more, before = before, more
			all = append(slices.Clone(l.Items), all...)
		} else {
			all = append(all, l.Items...)
		}
		if before == first {
			t.Fatalf("page at %q: items on the side it came from: %v", p.Cursor, before)
		}
		if !more {
			return all
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
		if backward {
			p.Cursor = l.Cursors[0]
		}
	}
}

func TestPagesOfEverySizeMakeUpTheList(t *testing.T) {
	r := mustNew(t)
	mustMany(t, r)
	for name, list := range listings() {
		t.Run(name, func(t *testing.T) {
			want := walk(t, r, list, 200, false)
			if len(want) < 4 {
				t.Fatalf("the list has only %v", want)
			}
			for _, limit := range []int{1, 2, 3, 7, len(want) - 1, len(want), len(want) + 1} {
				for _, backward := range []bool{false, true} {
					if got := walk(t, r, list, limit, backward); !slices.Equal(got, want) {
						t.Errorf("limit %d, backward %v: %v, not %v", limit, backward, got, want)
					}
				}
			}
		})
	}
}

func TestListsAreInOrderOfCreationAndSessionsNewestFirst(t *testing.T) {
	r := mustNew(t)
	all := mustMany(t, r)
	if got, want := walk(t, r, agentGroups, 3, false), []string{"ag", "other", "ag-9", "ag-8", "ag-7", "ag-6", "ag-5", "ag-4", "ag-3"}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if got, want := walk(t, r, messagingGroups("telegram"), 3, false), []string{"mg-8", "mg-6", "mg-4"}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	for _, f := range filters() {
		var want []string
		for _, s := range all {
			if matches(f, s) {
				want = append(want, s.ID)
			}
		}
		if got := walk(t, r, sessions(f), 10, false); !slices.Equal(got, want) {
			t.Errorf("%+v: %v, not %v", f, got, want)
		}
	}
}

func filters() (all []engine.SessionFilter) {
	for _, group := range []string{"", "ag"} {
		for _, chat := range []string{"", "mg"} {
			for _, mode := range []engine.SessionMode{"", engine.ModePerThread, "NONE"} {
				for _, status := range []engine.SessionStatus{"", engine.SessionClosed, "NONE"} {
					for _, containers := range [][]engine.ContainerStatus{nil, {engine.ContainerIdle}, {engine.ContainerIdle, engine.ContainerRunning, engine.ContainerIdle}, {"NONE"}} {
						all = append(all, engine.SessionFilter{AgentGroupID: group, MessagingGroupID: chat, Mode: mode, Status: status, ContainerStatus: containers})
					}
				}
			}
		}
	}
	return all
}

func matches(f engine.SessionFilter, s engine.Session) bool {
	return (f.AgentGroupID == "" || f.AgentGroupID == s.AgentGroupID) &&
		(f.MessagingGroupID == "" || s.MessagingGroupID != nil && f.MessagingGroupID == *s.MessagingGroupID) &&
		(f.Mode == "" || f.Mode == s.Mode) && (f.Status == "" || f.Status == s.Status) &&
		(len(f.ContainerStatus) == 0 || slices.Contains(f.ContainerStatus, s.ContainerStatus))
}

func TestPagingWhileSessionsComeNeitherRepeatsNorSkips(t *testing.T) {
	r := mustNew(t)
	var want []string
	for i := range 50 {
		mustSession(t, r, fmt.Sprintf("sess-%d", i))
		want = append([]string{fmt.Sprintf("sess-%d", i)}, want...)
	}
	var got []string
	p := engine.Page{Limit: 7}
	for {
		l, err := sessions(engine.SessionFilter{AgentGroupID: "ag"})(t, r, p)
		must(t, err)
		got = append(got, l.Items...)
		mustSession(t, r, fmt.Sprintf("sess-new-%d", len(got)))
		if !l.HasNext {
			break
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	// What came meanwhile is before the first page, newest first.
	l, err := sessions(engine.SessionFilter{})(t, r, engine.Page{Limit: 100})
	must(t, err)
	if l.Items[len(l.Items)-50] != want[0] || l.Items[0] != "sess-new-50" {
		t.Errorf("%v", l.Items)
	}
}

func TestItemThatLeftTheListStillMarksItsPlace(t *testing.T) {
	r := mustNew(t)
	for i := range 3 {
		mustSession(t, r, fmt.Sprintf("sess-%d", i))
	}
	active := sessions(engine.SessionFilter{Status: engine.SessionActive})
	l, err := active(t, r, engine.Page{Limit: 1})
	must(t, err)
	if _, err := r.CloseSession(t.Context(), "sess-2", time.Now()); err != nil {
		t.Fatal(err)
	}
	l, err = active(t, r, engine.Page{Limit: 5, Cursor: l.Cursors[0]})
	must(t, err)
	if !slices.Equal(l.Items, []string{"sess-1", "sess-0"}) || l.HasPrevious || l.HasNext {
		t.Errorf("%+v", l)
	}
}

func TestForgedCursorsAreInvalidInput(t *testing.T) {
	r := mustNew(t)
	mustMany(t, r)
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	of := func(list listing) string {
		l, err := list(t, r, engine.Page{Limit: 1})
		must(t, err)
		return l.Cursors[0]
	}
	all := listings()
	forged := []string{"x", "%", "=", "\x00", encode("s"), encode("sx"), encode("s-1"), encode("s0"), encode("s01"), encode("s+1"), encode("s 1"), encode("s1 "),
		encode("s9223372036854775807"), encode("s9223372036854775808"), encode("s1") + "=", encode("s1") + "\n", encode("s1;DROP TABLE sessions"), string(make([]byte, 1<<16)), of(all["agent groups"]), of(all["messaging groups"])}
	for _, cursor := range forged {
		_, err := sessions(engine.SessionFilter{})(t, r, engine.Page{Limit: 1, Cursor: cursor})
		wantCode(t, err, engine.CodeInvalidInput, "after")
		_, err = sessions(engine.SessionFilter{})(t, r, engine.Page{Limit: 1, Cursor: cursor, Backward: true})
		wantCode(t, err, engine.CodeInvalidInput, "before")
	}
	_, err := agentGroups(t, r, engine.Page{Limit: 1, Cursor: of(all["sessions"])})
	wantCode(t, err, engine.CodeInvalidInput, "after")
	_, err = messagingGroups("")(t, r, engine.Page{Limit: 1, Cursor: of(all["sessions"])})
	wantCode(t, err, engine.CodeInvalidInput, "after")
	// One that points beyond the list is of the right form.
	l, err := sessions(engine.SessionFilter{})(t, r, engine.Page{Limit: 5, Cursor: encode("s9223372036854775806"), Backward: true})
	must(t, err)
	if len(l.Items) != 0 || !l.HasNext || l.HasPrevious {
		t.Errorf("%+v", l)
	}
}

func TestPlacesOfAllSessionsAreInOrderOfCreation(t *testing.T) {
	r := mustNew(t)
	var want []engine.SessionPlace
	for i := range 7 {
		s := session(fmt.Sprint("sess-", i), []string{"ag", "other"}[i/4], engine.ModeShared, "", "")
		must(t, r.CreateSession(t.Context(), s))
		want = append(want, engine.SessionPlace{N: int64(i + 1), ID: s.ID, AgentGroupID: s.AgentGroupID})
	}
	if n, err := r.CountSessions(t.Context()); err != nil || n != len(want) {
		t.Errorf("%d sessions: %v", n, err)
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []engine.SessionPlace
		for after := int64(0); ; {
			page, err := r.SessionPlaces(t.Context(), after, limit)
			must(t, err)
			if got = append(got, page...); len(page) < limit {
				break
			}
			after = page[len(page)-1].N
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d at a time: %v", limit, got)
		}
	}
}
