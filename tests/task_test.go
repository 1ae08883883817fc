package tests_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// asker is a container that asks the engine for actions on its tasks.
type asker struct {
	session
	seq int
}

// ask returns what the engine answered, and whether it did what was asked.
func (a *asker) ask(t *testing.T, content string) (answer string, done bool) {
	t.Helper()
	a.seq += 2
	id := fmt.Sprint("ask-", a.seq)
	foreign.Run(t, "exec", a.folder, "outbound", fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind, content)
		VALUES ('%s', %d, datetime('now'), 'system', '%s')`, id, a.seq-1, content))
	until(t, "the outcome of "+content, func() bool {
		for _, row := range foreign.Rows(t, a.folder, "inbound", "delivered") {
			if row["message_out_id"] == id {
				done = row["status"] == "delivered"
				return done || a.told(t, id) != ""
			}
		}
		return false
	})
	return a.told(t, id), done
}

// told is what the engine told the agent of its reply.
func (a *asker) told(t *testing.T, replyID string) string {
	t.Helper()
	for _, row := range foreign.Rows(t, a.folder, "inbound", "messages_in") {
		if text := fmt.Sprint(row["content"]); strings.Contains(text, `"replyId":"`+replyID+`"`) {
			return text
		}
	}
	return ""
}

func (a *asker) task(t *testing.T, status string) map[string]any {
	t.Helper()
	for _, row := range foreign.Rows(t, a.folder, "inbound", "messages_in") {
		if row["kind"] == "task" && row["status"] == status {
			return row
		}
	}
	t.Fatalf("no task is %s", status)
	return nil
}

func TestAnAgentUpdatesItsTask(t *testing.T) {
	t.Parallel()
	a := &asker{session: newSession(t)}
	a.mark(t, "RUNNING") // the replies of others are looked for once a minute
	must := func(content string) string {
		answer, done := a.ask(t, content)
		if !done {
			t.Fatalf("%s: %s", content, answer)
		}
		return answer
	}
	must(`{"action":"schedule_task","taskId":"t","prompt":"old","script":"date","processAfter":"2030-01-01T00:00:00Z"}`)
	for _, c := range []struct {
		change             string
		content, at, every any
	}{
		{`"prompt":"new"`, `{"prompt":"new","script":"date"}`, "2030-01-01T00:00:00.000Z", nil},
		{`"script":null`, `{"prompt":"new"}`, "2030-01-01T00:00:00.000Z", nil},
		{`"processAfter":"2031-02-03T04:05:06+02:00"`, `{"prompt":"new"}`, "2031-02-03T02:05:06.000Z", nil},
		{`"recurrence":"0 9 29 2 *","timeZone":"Asia/Kolkata"`, `{"prompt":"new"}`, "2028-02-29T03:30:00.000Z", "0 9 29 2 *"},
		{`"timeZone":null`, `{"prompt":"new"}`, "2028-02-29T09:00:00.000Z", "0 9 29 2 *"},
		{`"recurrence":null`, `{"prompt":"new"}`, "2028-02-29T09:00:00.000Z", nil},
	} {
		must(`{"action":"update_task","taskId":"t",` + c.change + `}`)
		row := a.task(t, "pending")
		if row["content"] != c.content || row["process_after"] != c.at || row["recurrence"] != c.every {
			t.Errorf("after %s: %v", c.change, row)
		}
	}
	must(`{"action":"pause_task","taskId":"t"}`)
	if answer := must(`{"action":"update_task","taskId":"t","prompt":"while paused"}`); !strings.Contains(answer, `"PAUSED"`) || !strings.Contains(answer, "while paused") {
		t.Errorf("the answer: %s", answer)
	}
	a.write(t, "chat", "hello")
	for _, wrong := range []string{`"taskId":"t"`, `"taskId":"nobody","prompt":"x"`, `"taskId":"chat","prompt":"x"`, `"taskId":"t","prompt":5`, `"taskId":"t","prompt":null`,
		`"taskId":"t","processAfter":"soon"`, `"taskId":"t","recurrence":"whenever"`, `"taskId":"t","timeZone":"Europe/Berlin"`, `"prompt":"x"`} {
		if answer, done := a.ask(t, `{"action":"update_task",`+wrong+`}`); done || !strings.Contains(answer, "delivery_failed") {
			t.Errorf("%s: %s", wrong, answer)
		}
	}
	if row := a.task(t, "paused"); row["content"] != `{"prompt":"while paused"}` {
		t.Errorf("a mistake changed the task: %v", row)
	}
	must(`{"action":"resume_task","taskId":"t"}`)
	foreign.Run(t, "exec", a.folder, "outbound", `INSERT INTO processing_ack VALUES ('t', 'processing', datetime('now'))`)
	if answer, done := a.ask(t, `{"action":"update_task","taskId":"t","prompt":"too late"}`); done || !strings.Contains(answer, "works on") {
		t.Errorf("a task that is worked on was changed: %s", answer)
	}
}

// Hooks see the new content, and each later run is made of what the agent gave.
func TestHooksSeeWhatAnAgentMakesOfItsTask(t *testing.T) {
	t.Parallel()
	a := &asker{session: newSession(t)}
	a.mark(t, "RUNNING")
	if _, done := a.ask(t, `{"action":"schedule_task","taskId":"t","prompt":"old","recurrence":"* * * * *","processAfter":"2024-01-01T00:00:00Z"}`); !done {
		t.Fatal("not scheduled")
	}
	if errs := a.tryInstall(t, "redact", guest.Answering(`{"action":"replace","content":{"prompt":"[redacted]"}}`).Bytes(), map[string]any{"scope": map[string]any{"kinds": []string{"task"}}}); len(errs) > 0 {
		t.Fatal(errs)
	}
	if answer, done := a.ask(t, `{"action":"update_task","taskId":"t","prompt":"a secret"}`); !done {
		t.Fatal(answer)
	}
	if row := a.task(t, "pending"); row["content"] != `{"prompt":"[redacted]"}` {
		t.Errorf("the container reads %v", row["content"])
	}
	for _, row := range foreign.Rows(t, a.folder, "inbound", "engine_given") {
		if strings.Contains(fmt.Sprint(row), "secret") {
			t.Error("what was redacted lies in the mailbox")
		}
	}
	a.removeHook(t, "redact")
	foreign.Run(t, "exec", a.folder, "outbound", `INSERT INTO processing_ack VALUES ('t', 'completed', datetime('now'))`)
	until(t, "the next run", func() bool {
		rows := foreign.Rows(t, a.folder, "inbound", "messages_in")
		return rows[len(rows)-1]["kind"] == "task" && rows[len(rows)-1]["content"] == `{"prompt":"a secret"}`
	})
	// The agent knows the task by its first run.
	if answer, done := a.ask(t, `{"action":"update_task","taskId":"t","prompt":"calmer","recurrence":"0 9 1 1 *"}`); !done || !strings.Contains(answer, `"taskId":"t"`) {
		t.Fatal(answer)
	}
	if row := a.task(t, "pending"); row["id"] == "t" || row["content"] != `{"prompt":"calmer"}` || !strings.Contains(fmt.Sprint(row["process_after"]), "-01-01T09:00:00.000Z") {
		t.Errorf("%v", row)
	}
}

// The engine is killed while it carries an update out: it is done in the end,
// once or again.
func TestAnUpdateSurvivesKills(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	e := engineproc.Start(t, data)
	if err := createAgents(e); err != nil {
		t.Fatal(err)
	}
	room, err := chat(e, "room")
	if err != nil {
		t.Fatal(err)
	}
	id, folder, err := resolve(e, room, "7")
	if err != nil {
		t.Fatal(err)
	}
	a := &asker{session: session{engine: e, id: id, folder: data + "/" + folder}}
	a.mark(t, "RUNNING")
	if _, done := a.ask(t, `{"action":"schedule_task","taskId":"t","prompt":"0","processAfter":"2030-01-01T00:00:00Z"}`); !done {
		t.Fatal("not scheduled")
	}
	for i := range 4 {
		a.seq += 2
		foreign.Run(t, "exec", a.folder, "outbound", fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind, content)
			VALUES ('ask-%d', %d, datetime('now'), 'system', '{"action":"update_task","taskId":"t","prompt":"%d"}')`, a.seq, a.seq-1, i+1))
		if err := e.Kill(); err != nil {
			t.Fatal(err)
		}
		e = engineproc.Start(t, data)
		until(t, "the update", func() bool { return a.task(t, "pending")["content"] == fmt.Sprintf(`{"prompt":"%d"}`, i+1) })
	}
}
