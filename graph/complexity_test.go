package graph

import (
	"strings"
	"testing"

	cost "github.com/99designs/gqlgen/complexity"
	"github.com/vektah/gqlparser/v2"
)

func TestComplexity(t *testing.T) {
	const page = `{ sessions(first: 100) { nodes { messages { nodes { messageId seq kind status content } } } } }`
	nested := "id"
	for range 12 {
		nested = "sessions(first: 100) { nodes { agentGroup { " + nested + " } } }"
	}
	for name, tc := range map[string]struct {
		query string
		want  int
	}{
		"a session":                    {`{ session(id: "s") { id status containerStatus lastActive createdAt } }`, 6},
		"a page by default":            {`{ sessions { nodes { id } } }`, 1 + 20*2},
		"a page asked for":             {`{ sessions(first: 100) { nodes { id status } } }`, 1 + 100*3},
		"backward":                     {`{ session(id: "s") { messages(last: 50) { nodes { seq } } } }`, 1 + 10 + 50*2},
		"a page size that is refused":  {`{ agentGroups(first: 2000000000) { nodes { id } } }`, 1 + 100*2},
		"a page size of less than one": {`{ agentGroups(first: -5) { nodes { id } } }`, 1 + 2},
		"lists in lists":               {page, 1 + 100*(1+10+20*6)},
		"each name of a list":          {`{ a: sessions { nodes { id } } b: sessions { nodes { id } } }`, 2 * (1 + 20*2)},
		"files":                        {`{ message(sessionId: "s", messageId: "m") { attachments { url } } }`, 10 + 3 + 4},
		"destinations":                 {`{ destinations(agentGroupId: "a") { name } }`, 1 + 20},
		"sessions of an agent group":   {`{ agentGroup(id: "a") { destinations { name } sessions(last: 5) { nodes { heartbeat } } } }`, 1 + 1 + 20 + 1 + 5*(1+3)},
		"replies":                      {`{ reply(sessionId: "s", replyId: "r") { attachments { url } session { replies { nodes { seq } } } } }`, 10 + 3 + 4 + 1 + 10 + 20*2},
		"chats":                        {`{ messagingGroups(first: 3) { nodes { id } } }`, 1 + 3*2},
		"what a batch answers":         {`mutation { writeMessages(input: {messages: []}) { results { outcome } } }`, 1 + 1 + 100},
		"hooks":                        {`{ hooks { name versions { sha256 } log(last: 5) { at } } hook(name: "h") { log(last: 9999) { at } } }`, 1 + 20*(1+1+10+1+5) + 1 + 1 + 1000},
		"a hook's history":             {`{ hook(name: "h") { history { at calls } } }`, 1 + 1 + 60*2},
		"a container's work":           {`{ session(id: "s") { claims { messageId message { status } } currentTool { name } } }`, 1 + 10 + 20*(1+10+1) + 10 + 1},
		"replies to a message":         {`{ message(sessionId: "s", messageId: "m") { replies(first: 5) { nodes { seq } } operations { reason operation { status } } } }`, 10 + 10 + 5*2 + 10 + 4*3},
		"what hooks did":               {`{ message(sessionId: "s", messageId: "m") { writtenAt hookRuns { hook changes { path } } } }`, 10 + 3 + 3 + 4*(1+1+2)},
		"operations":                   {`{ operations(first: 5) { nodes { id items { nodes { outcome message { status } } } } } }`, 1 + 5*(1+1+1+20*(1+1+11))},
		"an operation started":         {`mutation { startOperation(input: {action: RETRY, filter: {}, reason: "", expectedCount: 1}) { operation { id } } }`, 2000 + 2},
		"a hook tried":                 {`mutation { dryRunHooks(input: {point: ON_MESSAGE}) { steps { hook } } }`, 1000 + 1 + 20},
		"a hook changed":               {`mutation { updateHook(input: {name: "h"}) { hook { name } } rollbackHook(input: {name: "h"}) { hook { name } } }`, 2 * (500 + 2)},
		"modules installed":            {`mutation { a: installHook(input: {name: "h", module: ""}) { hook { name } } b: installHook(input: {name: "h", module: ""}) { hook { name } } }`, 2 * (5000 + 2)},
		"events":                       {`subscription { events { cursor type session { id status } } }`, 1 + 100*(2+1+2)},
		"events with their messages":   {`subscription { events { cursor message { content } reply { content } hook { name } } }`, 1 + 100*(1+11+11+21)},
		"events with too much":         {`subscription { events { session { messages(first: 100) { nodes { content } } } } }`, maxComplexity + 1},
		"too much":                     {strings.Replace(page, "messages {", "messages(first: 100) {", 1), maxComplexity + 1},
		"far too much":                 {`{ agentGroup(id: "a") { ` + nested + ` } }`, -1},
	} {
		t.Run(name, func(t *testing.T) {
			schema := newSchema(nil, nil, nil)
			doc, err := gqlparser.LoadQueryWithRules(schema.Schema(), tc.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := cost.Calculate(t.Context(), schema, doc.Operations[0], nil)
			if tc.want < 0 && got > maxComplexity {
				return
			}
			if got != tc.want {
				t.Errorf("costs %d, want %d", got, tc.want)
			}
		})
	}
}
