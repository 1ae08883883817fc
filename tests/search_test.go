package tests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// found is what a search answers.
type found struct {
	Nodes []struct {
		SessionID, MessageID, MessageStatus, Snippet string
		Message                                      *struct{ ContentText string }
	}
	PageInfo struct {
		HasNextPage bool
		EndCursor   string
	}
	Index struct {
		Behind   int
		Building bool
	}
}

func mustSearch(t *testing.T, e *engineproc.Process, filter map[string]any, first int, after string) found {
	t.Helper()
	var out struct{ Search found }
	variables := map[string]any{"filter": filter, "first": first}
	if after != "" {
		variables["after"] = after
	}
	e.MustQuery(t, `query($filter: SearchFilter, $first: Int, $after: String) { search(filter: $filter, first: $first, after: $after) {
		nodes { sessionId messageId messageStatus snippet } pageInfo { hasNextPage endCursor } index { behind building } } }`, variables, &out)
	return out.Search
}

// waitIndexed returns when all that was told can be found.
func waitIndexed(t *testing.T, e *engineproc.Process) {
	t.Helper()
	until(t, "the index has all", func() bool {
		f := mustSearch(t, e, nil, 1, "")
		return f.Index.Behind == 0 && !f.Index.Building
	})
}

// mustFindAll returns how often each message of a filter is found.
func mustFindAll(t *testing.T, e *engineproc.Process, filter map[string]any) map[string]int {
	t.Helper()
	times := map[string]int{}
	for after := ""; ; {
		f := mustSearch(t, e, filter, 100, after)
		for _, n := range f.Nodes {
			times[n.SessionID+" "+n.MessageID]++
		}
		if !f.PageInfo.HasNextPage {
			return times
		}
		after = f.PageInfo.EndCursor
	}
}

// TWINBOX_SEARCH is how many messages are written, in hundreds; else a tenth of
// the ten thousand that make search-large has.
func TestMessagesAreFoundAlsoAfterKills(t *testing.T) {
	t.Parallel()
	sessions := 10
	if v := os.Getenv("TWINBOX_SEARCH"); v != "" {
		var err error
		sessions, err = strconv.Atoi(v)
		must(t, err)
	}
	data := t.TempDir()
	e := engineproc.Start(t, data)
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	const each = 100
	ids := make([]string, sessions)
	for i := range ids {
		ids[i], _, err = resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
	}
	write := func(from, to int) {
		for i, id := range ids {
			messages := []map[string]any{}
			for n := from; n < to; n++ {
				messages = append(messages, map[string]any{"sessionId": id, "messageId": fmt.Sprintf("m%d", n),
					"content": map[string]any{"text": fmt.Sprintf("parcel %05d is on its way", i*each+n)}})
			}
			e.MustQuery(t, `mutation($m: [WriteMessageInput!]!) { writeMessages(input: {messages: $m}) { userErrors { message } } }`, map[string]any{"m": messages}, nil)
		}
	}
	again := func(spoil func()) {
		must(t, e.Kill())
		spoil()
		e = engineproc.Start(t, data)
	}
	check := func() {
		t.Helper()
		waitIndexed(t, e)
		times := mustFindAll(t, e, map[string]any{"text": "parcel"})
		for message, n := range times {
			if n != 1 {
				t.Fatalf("%s was found %d times", message, n)
			}
		}
		if len(times) != sessions*each {
			t.Fatalf("%d of %d messages were found", len(times), sessions*each)
		}
		for _, n := range []int{0, sessions*each/2 + 42, sessions*each - 1} {
			f := mustSearch(t, e, map[string]any{"text": fmt.Sprintf("%05d", n)}, 10, "")
			if len(f.Nodes) != 1 || f.Nodes[0].SessionID != ids[n/each] || !strings.Contains(f.Nodes[0].Snippet, fmt.Sprintf("%05d", n)) {
				t.Fatalf("parcel %d: %+v", n, f.Nodes)
			}
		}
		if n := len(mustFindAll(t, e, map[string]any{"sessionId": ids[7]})); n != each {
			t.Fatalf("%d messages of a session of %d", n, each)
		}
	}
	write(0, 50)
	again(func() {}) // what was written last may be in no event
	write(50, 100)
	again(func() {})
	check()
	again(func() { must(t, os.WriteFile(filepath.Join(data, "index.db"), []byte("no database"), 0o600)) })
	check()
}
