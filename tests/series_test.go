package tests_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// Lesson 28: whenever the engine is killed while runs end and the next ones
// are written, each series has every run once.
func TestSeriesGoOnThroughKillsWithoutLossOrRepeat(t *testing.T) {
	const sessions, runs, kills = 2, 12, 4
	data := t.TempDir()
	e := engineproc.Start(t, data)
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	first := time.Now().UTC().Truncate(time.Minute).Add(-24 * time.Hour)
	var ids, folders []string
	for i := range sessions {
		id, folder, err := resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
		ids = append(ids, id)
		folders = append(folders, filepath.Join(data, folder))
		e.MustQuery(t, `mutation($input: WriteMessageInput!) { writeMessage(input: $input) { userErrors { message } } }`, map[string]any{"input": map[string]any{
			"sessionId": id, "kind": "task", "content": map[string]any{"prompt": "report"}, "recurrence": "* * * * *", "missedRuns": "ALL", "processAfter": first.Format(time.RFC3339)}}, nil)
	}
	var containers sync.WaitGroup
	// polling is held while a container reads: it cannot, while a journal of
	// the engine's that was killed lies there.
	var polling sync.RWMutex
	progress := make(chan struct{}, sessions*runs)
	for _, folder := range folders {
		containers.Go(func() {
			for done := map[string]bool{}; len(done) < runs && t.Context().Err() == nil; {
				polling.RLock()
				due := foreign.Poll(t, folder)
				polling.RUnlock()
				for _, m := range due {
					if !done[m.ID] {
						done[m.ID] = true
						foreign.Run(t, "exec", folder, "outbound", `INSERT INTO processing_ack VALUES ('`+m.ID+`', 'completed', datetime('now'))`)
						progress <- struct{}{}
					}
				}
			}
		})
	}
	for range kills {
		for range sessions * runs / (kills + 2) {
			<-progress
		}
		polling.Lock()
		must(t, e.Kill())
		e = engineproc.Start(t, data)
		for _, id := range ids { // rolls back
			e.MustQuery(t, `query($id: ID!) { session(id: $id) { messages(last: 1) { nodes { status } } } }`, map[string]any{"id": id}, nil)
		}
		polling.Unlock()
	}
	containers.Wait()
	for _, folder := range folders {
		for live := ""; ; {
			rows := foreign.Rows(t, folder, "inbound", "messages_in")
			live = ""
			for _, row := range rows {
				if row["recurrence"] != nil {
					live += fmt.Sprint(row["status"], " ")
				}
			}
			if len(rows) <= runs && !t.Failed() { // the last acknowledgement is on its way
				continue
			}
			if live != "pending " {
				t.Errorf("of the series goes on: %q", live)
			}
			for i, row := range rows {
				want := first.Add(time.Duration(i) * time.Minute).Format("2006-01-02T15:04:05.000Z")
				if row["process_after"] != want || row["series_id"] != rows[0]["id"] {
					t.Errorf("run %d is %v, want it at %s", i, row, want)
				}
			}
			break
		}
	}
}
