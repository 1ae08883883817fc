package graph_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/graph"
)

func TestMutationsAreNotDoneByGet(t *testing.T) {
	s := mustSite(t, graph.Config{})
	for _, accept := range []string{"application/json", "application/graphql-response+json"} {
		mutation := `mutation{createAgentGroup(input:{name:"by GET"}){agentGroup{id}}}`
		r := s.do("GET", "/graphql?query="+url.QueryEscape(mutation), nil, "Accept: "+accept)
		r.want(t, http.StatusMethodNotAllowed, "BAD_REQUEST")
		if r.header.Get("Allow") != "POST" {
			t.Errorf("Allow is %q", r.header.Get("Allow"))
		}
		two := `query Q{__typename} ` + strings.Replace(mutation, "mutation", "mutation M", 1)
		s.do("GET", "/graphql?operationName=M&query="+url.QueryEscape(two), nil).want(t, http.StatusMethodNotAllowed, "BAD_REQUEST")
		s.do("GET", "/graphql?operationName=Q&query="+url.QueryEscape(two), nil).want(t, http.StatusOK, "")
	}
	if r := s.post("{agentGroups{nodes{name}}}", nil); strings.Contains(r.body, "by GET") {
		t.Errorf("a mutation was done: %s", r.body)
	}
}

func TestGetTakesVariables(t *testing.T) {
	s := mustSite(t, graph.Config{})
	query := url.QueryEscape("query($name:String!){__type(name:$name){name}}")
	if r := s.do("GET", "/graphql?query="+query+"&variables="+url.QueryEscape(`{"name":"Session"}`), nil); r.body != `{"data":{"__type":{"name":"Session"}}}` {
		t.Error(r.body)
	}
	for _, variables := range []string{"[1]", "1", `"x"`, "{", "secret"} {
		r := s.do("GET", "/graphql?query="+query+"&variables="+url.QueryEscape(variables), nil)
		r.want(t, http.StatusBadRequest, "BAD_REQUEST")
	}
}

// A page elsewhere can send forms and text without asking first.
func TestOnlyJSONIsTaken(t *testing.T) {
	s := mustSite(t, graph.Config{})
	body := `{"query":"{__typename}"}`
	for contentType, status := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "application/json;charset=UTF-8": 200, "Application/JSON": 200,
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415,
		"application/graphql": 415, "application/json; charset=utf-16": 415, "application/jsonp": 415, "text/plain; application/json": 415, ";": 415,
	} {
		if r := s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: "+contentType); r.status != status {
			t.Errorf("%q: %d %s", contentType, r.status, r.body)
		}
	}
	s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: application/json", "Content-Encoding: gzip").want(t, http.StatusUnsupportedMediaType, "BAD_REQUEST")
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
		r := s.do(method, "/graphql", strings.NewReader(body), "Content-Type: application/json")
		r.want(t, http.StatusMethodNotAllowed, "BAD_REQUEST")
		if r.header.Get("Allow") != "POST, GET" {
			t.Errorf("Allow is %q", r.header.Get("Allow"))
		}
	}
}

func TestMultipartRequestsAreRefused(t *testing.T) {
	s := mustSite(t, graph.Config{})
	body := "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n" +
		`{"query":"mutation{createAgentGroup(input:{name:\"form\"}){agentGroup{id}}}"}` + "\r\n--x--\r\n"
	s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: multipart/form-data; boundary=x").want(t, http.StatusUnsupportedMediaType, "BAD_REQUEST")
}

func TestErrorsAboutABodyNeverRepeatIt(t *testing.T) {
	s := mustSite(t, graph.Config{})
	for _, body := range []string{
		`{"query":"{__typename}","secret":`, `{"query":"{__typename}"}secret`, `secret`, `"secret"`, `{"query":["secret"]}`, `{"query":""}`, ``,
		`{"query":"{__typename}","variables":"secret"}`, `{"query":"{__typename}","operationName":{"secret":1}}`,
		`{"query":"{__typename}","extensions":["secret"]}`, "{\"query\":\"secret\xff\"}", `{"query":"\ud8"}`, "{\"query\":\"a\nb\"}", `null`,
		strings.Repeat("[", 100_000),
	} {
		r := s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: application/json")
		if r.status != http.StatusBadRequest || r.code(t) == "" || strings.Contains(r.body, "secret") {
			t.Errorf("%.80q: %d %s", body, r.status, r.body)
		}
	}
}

func TestBatchesAreRefusedByName(t *testing.T) {
	s := mustSite(t, graph.Config{})
	r := s.do("POST", "/graphql", strings.NewReader(`[{"query":"{__typename}"},{"query":"{__typename}"}]`), "Content-Type: application/json")
	r.want(t, http.StatusBadRequest, "BAD_REQUEST")
	if !strings.Contains(r.body, "batches are not supported") {
		t.Error(r.body)
	}
}

func TestTheMediaTypeOfAnAnswerFollowsAccept(t *testing.T) {
	s := mustSite(t, graph.Config{})
	const plain, response = "application/json; charset=utf-8", "application/graphql-response+json; charset=utf-8"
	for accept, want := range map[string]string{
		"application/json": plain, "application/graphql-response+json": response, "*/*": plain, "application/*": plain,
		"application/graphql-response+json, application/json;q=0.9":           response,
		"application/json;q=0.5, application/graphql-response+json":           response,
		"application/json, application/graphql-response+json;q=0.5":           plain,
		"application/graphql-response+json; charset=utf-8, application/json":  response,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8":     plain,
		"application/graphql-response+json;q=nonsense, application/json;q=.1": plain,
	} {
		if r := s.post("{__typename}", nil, "Accept: "+accept); r.status != http.StatusOK || r.header.Get("Content-Type") != want {
			t.Errorf("%s: %d %s", accept, r.status, r.header.Get("Content-Type"))
		}
	}
	s.post("{__typename}", nil, "Accept: text/html").want(t, http.StatusNotAcceptable, "BAD_REQUEST")
	s.post("{__typename}", nil, "Accept: application/json;q=0").want(t, http.StatusNotAcceptable, "BAD_REQUEST")
	s.post("{nothing}", nil, "Accept: application/graphql-response+json").want(t, http.StatusBadRequest, "GRAPHQL_VALIDATION_FAILED")
	s.post("{nothing}", nil, "Accept: application/json").want(t, http.StatusOK, "GRAPHQL_VALIDATION_FAILED")
	s.post("{", nil, "Accept: application/json").want(t, http.StatusOK, "GRAPHQL_PARSE_FAILED")
}

func TestTheOperationIsPickedByName(t *testing.T) {
	s := mustSite(t, graph.Config{})
	send := func(body string) reply {
		return s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: application/json")
	}
	if r := send(`{"query":"query A{a:__typename} query B{b:__typename}","operationName":"B"}`); r.body != `{"data":{"b":"Query"}}` {
		t.Error(r.body)
	}
	send(`{"query":"query A{a:__typename} query B{b:__typename}"}`).want(t, http.StatusOK, "GRAPHQL_VALIDATION_FAILED")
	send(`{"query":"query A{a:__typename}","operationName":"C"}`).want(t, http.StatusOK, "GRAPHQL_VALIDATION_FAILED")
	send(`{"query":"query($first:Int!){agentGroups(first:$first){nodes{id}}}","variables":{"first":"many"}}`).want(t, http.StatusOK, "GRAPHQL_VALIDATION_FAILED")
	send(`{"query":"{agentGroups(first:99999999999999999999){nodes{id}}}"}`).want(t, http.StatusOK, "GRAPHQL_VALIDATION_FAILED")
}

// Its answer would come in pieces, and there is only one.
func TestDeferIsRefused(t *testing.T) {
	s := mustSite(t, graph.Config{})
	s.post("{... @defer {__typename}}", nil).want(t, http.StatusOK, "GRAPHQL_VALIDATION_FAILED")
}
