package sessions_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

const destinationsFile = ".nanoclaw-destinations.json"

func mustSetDestination(t *testing.T, h *hosttest.Host, in engine.SetDestinationInput) {
	t.Helper()
	in.AgentGroupID = hosttest.AgentGroup
	_, err := h.SetDestination(t.Context(), in)
	must(t, err)
}

func projected(t *testing.T, h *hosttest.Host, s engine.Session) (rows []string, file map[string]any) {
	t.Helper()
	data, err := os.ReadFile(h.Folder(s, destinationsFile))
	must(t, err)
	must(t, json.Unmarshal(data, &file))
	return h.Rows(t, s, "inbound.db", `SELECT name, display_name, type, channel_type, platform_id, agent_group_id FROM destinations ORDER BY name`), file
}

func TestOfDestinationsThatChangeAtOnceTheLastOnesStay(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	for round := range 5 {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				mustSetDestination(t, h, engine.SetDestinationInput{Name: fmt.Sprintf("d-%d-%d", round, i), TargetAgentGroupID: hosttest.Ptr(hosttest.AgentGroup)})
				if _, err := h.ProjectSession(t.Context(), s.ID); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if rows, _ := projected(t, h, s); len(rows) != 8*(round+1) {
			t.Fatalf("%d destinations in the folder after round %d", len(rows), round)
		}
	}
}

func TestDestinationsAndRoutingAreReplacedWholeInEverySession(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	first := h.Session(t)
	chat, _, err := h.EnsureMessagingGroup(t.Context(), engine.EnsureMessagingGroupInput{ChannelType: "mail", PlatformID: "a<b>@c"})
	must(t, err)
	h.Exec(t, first, "inbound.db", `INSERT INTO destinations (name, type) VALUES ('the container''s own', 'channel'); UPDATE session_routing SET platform_id = 'elsewhere'`)
	mustSetDestination(t, h, engine.SetDestinationInput{Name: "ops", DisplayName: hosttest.Ptr("Ops & more"), MessagingGroupID: &chat.ID})
	mustSetDestination(t, h, engine.SetDestinationInput{Name: "self", TargetAgentGroupID: hosttest.Ptr(hosttest.AgentGroup)})
	second := h.Session(t)
	for i, s := range []engine.Session{first, second} {
		rows, file := projected(t, h, s)
		want := []string{"ops|Ops & more|channel|mail|a<b>@c|NULL", "self|Agents|agent|NULL|NULL|ag"}
		if !slices.Equal(rows, want) {
			t.Errorf("rows: %q", rows)
		}
		if list, _ := file["destinations"].([]any); len(file) != 1 || len(list) != 2 || list[0].(map[string]any)["platformId"] != "a<b>@c" {
			t.Errorf("file: %v", file)
		}
		if rows := h.Rows(t, s, "inbound.db", `SELECT * FROM session_routing`); !slices.Equal(rows, []string{"1|test|chat-" + string(rune('1'+i)) + "|NULL"}) {
			t.Errorf("routing: %q", rows)
		}
	}
	removed, err := h.RemoveDestination(t.Context(), hosttest.AgentGroup, "ops")
	if err != nil || !removed {
		t.Fatal(removed, err)
	}
	if rows, _ := projected(t, h, first); !slices.Equal(rows, []string{"self|Agents|agent|NULL|NULL|ag"}) {
		t.Errorf("rows after the removal: %q", rows)
	}
}

// A folder that could not be written is brought up to date later.
func TestASessionThatWasLockedIsProjectedInTheBackground(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	must(t, os.Rename(h.Folder(s, "inbound.db"), h.Folder(s, "aside")))
	mustSetDestination(t, h, engine.SetDestinationInput{Name: "self", TargetAgentGroupID: hosttest.Ptr(hosttest.AgentGroup)})
	must(t, os.Rename(h.Folder(s, "aside"), h.Folder(s, "inbound.db")))
	// Any other change wakes the background, too, long before its next try.
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr("other"), Name: "Others"})
	must(t, err)
	_, err = h.SetDestination(t.Context(), engine.SetDestinationInput{AgentGroupID: hosttest.AgentGroup, Name: "other", TargetAgentGroupID: hosttest.Ptr("other")})
	must(t, err)
	hosttest.Wait(t, "the destinations", func() bool {
		rows, _ := projected(t, h, s)
		return len(rows) == 2
	})
}

func TestADirectoryInPlaceOfAFileIsReplacedByTheEnginesOwn(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	for _, name := range []string{destinationsFile, ".heartbeat"} {
		mustRemove(t, h.Folder(s, name))
		must(t, os.MkdirAll(h.Folder(s, name, "sub"), 0o777))
	}
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	must(t, err)
	projected(t, h, s)
	if _, err := os.Lstat(h.Folder(s, ".heartbeat")); !os.IsNotExist(err) {
		t.Errorf("the heartbeat is still there: %v", err)
	}
}

// Lesson 6: owner and mode are settings, whatever the umask.
func TestWhatIsMadeHasTheModeAndOwnerOfTheSettings(t *testing.T) {
	umask := unix.Umask(0o077)
	defer unix.Umask(umask)
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 12345, 54321
	}
	h := hosttest.Open(t, sessions.Options{DirMode: 0o751, FileMode: 0o646, UID: &uid, GID: &gid})
	s := h.Session(t)
	u := mustUpload(t, h, "uploaded")
	h.MustWrite(t, s, "m", hosttest.Attach(hosttest.File("a", "x"), uploaded("b", u)))
	_, err := h.ProjectSession(t.Context(), s.ID)
	must(t, err)
	for _, name := range []string{".", "inbound.db", "outbound.db", destinationsFile, "outbox", "inbox", "inbox/m", "inbox/m/a", "inbox/m/b"} {
		info, err := os.Stat(h.Folder(s, name))
		must(t, err)
		want := fs.FileMode(0o646)
		if info.IsDir() {
			want = 0o751
		}
		var st unix.Stat_t
		must(t, unix.Stat(h.Folder(s, name), &st))
		if info.Mode().Perm() != want || int(st.Uid) != uid || int(st.Gid) != gid {
			t.Errorf("%s is %v of %d:%d", name, info.Mode(), st.Uid, st.Gid)
		}
	}
}
