package graph_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph"
)

// mustMessage writes a message with one attachment and returns its session
// and the attachment's URL.
func (s *site) mustMessage(attachment map[string]any) (sessionID, url string) {
	s.t.Helper()
	g, err := s.host.CreateAgentGroup(s.t.Context(), engine.CreateAgentGroupInput{Name: "Helpdesk"})
	if err != nil {
		s.t.Fatal(err)
	}
	session, _, err := s.host.ResolveSession(s.t.Context(), engine.ResolveSessionInput{AgentGroupID: g.ID, Mode: engine.ModeAgentShared})
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.post(`mutation($input:WriteMessageInput!){writeMessage(input:$input){message{attachments{url size}} userErrors{message}}}`, map[string]any{
		"input": map[string]any{"sessionId": session.ID, "messageId": "m1", "content": map[string]any{"text": "see", "attachments": []any{attachment}}}})
	var answer struct {
		Data struct {
			WriteMessage struct {
				Message struct{ Attachments []struct{ URL string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || len(answer.Data.WriteMessage.Message.Attachments) != 1 {
		s.t.Fatalf("%v: %s", err, r.body)
	}
	return session.ID, answer.Data.WriteMessage.Message.Attachments[0].URL
}

const page = "<html><script>alert(1)</script>"

func TestAttachmentsAreDownloadsAndNeverActiveContent(t *testing.T) {
	s := mustSite(t, graph.Config{})
	_, url := s.mustMessage(map[string]any{"name": `Übersicht "1".html`, "mimeType": "text/html", "data": base64.StdEncoding.EncodeToString([]byte(page))})
	r := s.do("GET", url, nil)
	if r.status != http.StatusOK || r.body != page {
		t.Fatalf("%d %q", r.status, r.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
		"Content-Disposition": "attachment; filename*=utf-8''%C3%9Cbersicht%20%221%22.html", "Cache-Control": "private, no-cache",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if r := s.do("GET", url, nil, "Range: bytes=1-4"); r.status != http.StatusPartialContent || r.body != "html" {
		t.Errorf("range: %d %q", r.status, r.body)
	}
	if r := s.do("HEAD", url, nil); r.status != http.StatusOK || r.body != "" || r.header.Get("Content-Length") != "31" {
		t.Errorf("HEAD: %d %q %v", r.status, r.body, r.header)
	}
	s.do("POST", url, nil).want(t, http.StatusMethodNotAllowed, "BAD_REQUEST")
	s.do("GET", url, nil, "Authorization:").want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
}

func TestOnlyAttachmentsAreServed(t *testing.T) {
	s := mustSite(t, graph.Config{})
	id, _ := s.mustMessage(map[string]any{"name": "a.txt", "data": "YQ=="})
	for _, path := range []string{
		"inbound.db", "outbound.db", "inbox/m1", "inbox/m1/", "inbox/m1/b.txt", "inbox/m2/a.txt", "inbox//a.txt", "inbox/m1/../m1/a.txt",
		"inbox/m1/..%2f..%2finbound.db", "inbox%2f..%2finbound.db", "inbox/%2e%2e/inbound.db", "../../engine.db", "inbox/m1/a.txt%00", "inbox/m1/a.txt/",
	} {
		r := s.do("GET", "/files/"+id+"/"+path, nil)
		if r.status != http.StatusNotFound || r.code(t) != "NOT_FOUND" {
			t.Errorf("%s: %d %.100q", path, r.status, r.body)
		}
	}
	for _, path := range []string{"/files/", "/files/x", "/files/sess-none/inbox/m1/a.txt", "/files/../graphql", "/files/" + id} {
		if r := s.do("GET", path, nil); r.status != http.StatusNotFound {
			t.Errorf("%s: %d %.100q", path, r.status, r.body)
		}
	}
}

func TestAnUploadIsAttachedByItsID(t *testing.T) {
	s := mustSite(t, graph.Config{})
	file := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	var u struct {
		UploadID, SHA256 string
		Size             int
	}
	r := s.do("POST", "/uploads", bytes.NewReader(file))
	sum := sha256.Sum256(file)
	if err := json.Unmarshal([]byte(r.body), &u); err != nil || r.status != http.StatusOK || u.Size != len(file) || u.SHA256 != hex.EncodeToString(sum[:]) {
		t.Fatalf("%v: %d %s", err, r.status, r.body)
	}
	_, url := s.mustMessage(map[string]any{"name": "large.bin", "uploadId": u.UploadID})
	if r := s.do("GET", url, nil); r.body != string(file) {
		t.Errorf("%d: %d bytes came back", r.status, len(r.body))
	}
	if n := s.inFlight(); n != 0 {
		t.Errorf("%d bytes are in flight", n)
	}
	if r := s.do("GET", "/uploads", nil); r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d, Allow %q", r.status, r.header.Get("Allow"))
	}
}

func TestAnUploadOverTheLimitIsRefused(t *testing.T) {
	s := mustSite(t, graph.Config{})
	if r := s.do("POST", "/uploads", strings.NewReader(strings.Repeat("x", uploadLimit))); r.status != http.StatusOK {
		t.Errorf("at the limit: %d %s", r.status, r.body)
	}
	s.do("POST", "/uploads", strings.NewReader(strings.Repeat("x", uploadLimit+1))).want(t, http.StatusRequestEntityTooLarge, "LIMIT_EXCEEDED")
}

func TestASignedAddressNeedsNoTokenAndIsGoodForOneFileAndAWhile(t *testing.T) {
	s := mustSite(t, graph.Config{})
	id, url := s.mustMessage(map[string]any{"name": "a b#.txt", "data": base64.StdEncoding.EncodeToString([]byte(page))})
	const noToken = "Authorization:"
	if r := s.do("GET", url, nil, noToken); r.status != http.StatusUnauthorized {
		t.Fatalf("without a token: %d", r.status)
	}
	path := "inbox/m1/a b#.txt"
	signed := s.host.SignFile(id, path, time.Now().Add(time.Hour))
	if !strings.HasPrefix(signed, url+"?") {
		t.Errorf("%s is not an address of %s", signed, url)
	}
	if r := s.do("GET", signed, nil, noToken); r.status != http.StatusOK || r.body != page {
		t.Errorf("signed: %d %q", r.status, r.body)
	}
	_, query, _ := strings.Cut(signed, "?")
	for name, forged := range map[string]string{
		"another file":        "/files/" + id + "/inbox/m1/other.txt?" + query,
		"another session":     "/files/sess-1/inbox/m1/a%20b%23.txt?" + query,
		"another time":        strings.Replace(signed, "expires=", "expires=1", 1),
		"no signature":        url + "?expires=99999999999",
		"an empty signature":  url + "?expires=99999999999&signature=",
		"a longer signature":  signed + "00",
		"expired":             s.host.SignFile(id, path, time.Now().Add(-time.Second)),
		"another part of it":  strings.Replace(signed, "/files/", "/uploads/", 1),
		"what is not a file":  "/graphql?" + query,
		"a path that goes up": "/files/" + id + "/inbox/m1/../m1/a%20b%23.txt?" + query,
	} {
		if r := s.do("GET", forged, nil, noToken); r.status != http.StatusUnauthorized && r.status != http.StatusNotFound {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	if r := s.do("POST", signed, nil, noToken); r.status != http.StatusUnauthorized {
		t.Errorf("a POST: %d", r.status)
	}
}
