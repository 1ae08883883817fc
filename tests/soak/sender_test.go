package soak_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// perSecond is how many messages are sent; more would only find the machine's
// limits.
const perSecond = 2.5

// Wishes are what messages ask of hooks, agents and receivers. Each has its
// outcome, and nothing is for plain ones.
const (
	wishReject   = "please reject"   // a hook refuses it
	wishTrap     = "please trap"     // a hook fails that must not
	wishTrip     = "please trip"     // a hook fails that may
	wishRedact   = "ada@example.org" // a hook changes it
	wishFail     = "please fail"     // the agent fails
	wishAsk      = "please ask"      // a foreign agent asks another group
	wishFile     = "please bring a file"
	wishTime     = "please take your time"
	wishUnspoken = "unspeakable" // a hook refuses the reply
	wishUnwanted = "unwanted"    // the receiver does
)

func wish() string {
	all := []string{wishReject, wishTrap, wishTrip, wishRedact, wishRedact, wishFail, wishAsk, wishAsk, wishAsk, wishFile, wishFile, wishTime, wishTime, wishUnspoken, wishUnwanted}
	if n := rand.IntN(2 * len(all)); n < len(all) {
		return all[n]
	}
	return ""
}

// sent is a message, and what became of it as its sender knows.
type sent struct {
	session      *session
	id           string // given, or the engine's answer
	token        string // of its text, unlike any other
	wish         string
	file         string // its attachment's bytes; "" has none
	context      bool   // wakes nobody
	series       bool
	acknowledged bool
	refused      bool // for certain
}

// ledger is all that was sent. Its methods may be called concurrently.
type ledger struct {
	mu  sync.Mutex // guards all
	all []*sent
}

func (l *ledger) add(m *sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
}

// send sends messages until it is told to stop.
func (w *world) send(stop <-chan struct{}) {
	for !done(stop, time.Duration(rand.ExpFloat64()*senders/perSecond*float64(time.Second))) {
		m := &sent{session: w.sessions[rand.IntN(len(w.sessions))], token: fmt.Sprintf("t%08x", rand.Uint32()), wish: wish(), context: rand.IntN(30) == 0}
		if m.context {
			m.wish = ""
		}
		input := map[string]any{"trigger": !m.context}
		if rand.IntN(5) > 0 {
			m.id = "m-" + m.token
		}
		if rand.IntN(8) == 0 {
			input["processAfter"] = time.Now().Add(rand.N(20 * time.Second)).UTC().Format(time.RFC3339)
		}
		content := map[string]any{"text": m.token + " " + m.wish}
		if rand.IntN(6) == 0 {
			m.file = "file of " + m.token
			attachment := map[string]any{"name": "file.txt", "data": base64.StdEncoding.EncodeToString([]byte(m.file))}
			if rand.IntN(2) == 0 {
				id, err := w.upload(m.file)
				if err != nil {
					w.t.Error(err)
					return
				}
				attachment = map[string]any{"name": "file.txt", "uploadId": id}
			}
			content["attachments"] = []any{attachment}
		}
		input["content"] = content
		if !w.write(m, input, stop) {
			return
		}
	}
}

// write sends one message until it is known what became of it; one without an
// id cannot be repeated. It returns false when the test failed.
func (w *world) write(m *sent, input map[string]any, stop <-chan struct{}) bool {
	input["sessionId"] = m.session.id
	if m.id != "" {
		input["messageId"] = m.id
	}
	w.ledger.add(m)
	for {
		var out struct {
			WriteMessage struct {
				Outcome    string
				Message    *struct{ MessageID string }
				UserErrors []userError
			}
		}
		write := func(e *engineproc.Process) error {
			return e.Query(context.Background(), `mutation($input: WriteMessageInput!) { writeMessage(input: $input) { outcome message { messageId } userErrors { code message } } }`,
				map[string]any{"input": input}, &out)
		}
		var err error
		if m.id != "" {
			err = w.engines.call(write)
		} else if err = write(w.engines.running()); err != nil {
			w.note("unknown %s %s: %v", m.session.id, m.token, err)
			return true
		}
		answer := out.WriteMessage
		switch {
		case err != nil:
			w.t.Errorf("write %s to %s: %v", m.token, m.session.id, err)
			return false
		case answer.Message != nil:
			w.note("acknowledged %s %s as %s: %s %q", m.session.id, m.token, answer.Message.MessageID, answer.Outcome, m.wish)
			m.id, m.acknowledged = answer.Message.MessageID, true
			return true
		}
		w.note("refused %s %s: %+v", m.session.id, m.token, answer.UserErrors)
		m.refused = true
		code := answer.UserErrors[0].Code
		switch {
		case code == "HOOK_REJECTED" && m.wish == wishReject, code == "HOOK_FAILED" && m.wish == wishTrap:
			return true
		case code != "HOOK_FAILED":
			w.t.Errorf("write %s to %s: %+v", m.token, m.session.id, answer.UserErrors)
			return false
		}
		// A hook that failed at others' messages rests, and is not to be left out.
		if done(stop, time.Second) {
			return true
		}
		m.refused = false
	}
}

func (w *world) upload(file string) (id string, err error) {
	err = w.engines.call(func(e *engineproc.Process) error {
		req, err := http.NewRequest(http.MethodPost, e.URL+"/uploads", strings.NewReader(file))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+e.Token)
		req.Header.Set("Content-Type", "application/octet-stream")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		var answer struct{ UploadID string }
		if err := json.Unmarshal(text, &answer); err != nil || answer.UploadID == "" {
			return fmt.Errorf("upload: %s: %s", res.Status, text)
		}
		id = answer.UploadID
		return nil
	})
	return id, err
}

// startSeries has some sessions do something each minute.
func (w *world) startSeries() {
	for i, missed := range []string{"ALL", "ONCE", "SKIP", "ALL", "ONCE", "SKIP"} {
		m := &sent{session: w.sessions[i*7], token: fmt.Sprint("series", i), id: fmt.Sprint("series-", i), series: true}
		if !w.write(m, map[string]any{"kind": "task", "content": map[string]any{"prompt": m.token, "text": m.token}, "recurrence": "* * * * *", "missedRuns": missed}, nil) || !m.acknowledged {
			w.t.Fatal("a series was not accepted")
		}
	}
}

// endSeries cancels what still recurs. A run that is worked on cannot be: the
// next one is.
func (w *world) endSeries() {
	for _, m := range w.ledger.all {
		for m.series && !w.t.Failed() {
			var out struct {
				Session struct {
					Messages struct {
						Nodes []struct {
							MessageID  string
							SeriesID   string
							Recurrence *string
						}
					}
				}
			}
			w.engines.mustQuery(`query($s: ID!) { session(id: $s) { messages(last: 100) { nodes { messageId seriesId recurrence } } } }`, map[string]any{"s": m.session.id}, &out)
			live := ""
			for _, n := range out.Session.Messages.Nodes {
				if n.SeriesID == m.id && n.Recurrence != nil {
					live = n.MessageID
				}
			}
			if live == "" {
				w.t.Errorf("series %s in %s does not go on", m.id, m.session.id)
				break
			}
			var cancelled struct {
				CancelMessage struct{ UserErrors []userError }
			}
			w.engines.mustQuery(`mutation($s: ID!, $m: String!) { cancelMessage(input: {sessionId: $s, messageId: $m}) { userErrors { code message } } }`, map[string]any{"s": m.session.id, "m": live}, &cancelled)
			if len(cancelled.CancelMessage.UserErrors) == 0 {
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// done waits, and tells whether it is over.
func done(stop <-chan struct{}, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-stop:
		return true
	case <-timer.C:
		return false
	}
}

func pauseBetween(least, most time.Duration) time.Duration { return least + rand.N(most-least) }
