package graph

import (
	"net/url"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestAttachmentURL(t *testing.T) {
	for path, want := range map[string]string{
		"inbox/m1/photo.jpg":         "/files/sess-1/inbox/m1/photo.jpg",
		"inbox/m1/Q3 Bericht.pdf":    "/files/sess-1/inbox/m1/Q3%20Bericht.pdf",
		"outbox/r1/a?b#c%2Fd.txt":    "/files/sess-1/outbox/r1/a%3Fb%23c%252Fd.txt",
		"outbox/r1/50%;\"<script>.x": "/files/sess-1/outbox/r1/50%25%3B%22%3Cscript%3E.x",
	} {
		if got := attachmentURL("sess-1", path); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
}

func TestParseAttachmentURLRefusesWhatWasNotMadeByUs(t *testing.T) {
	for _, path := range []string{
		"", "/", "/files", "/files/", "/files/sess-1", "/files/sess-1/", "/other/sess-1/inbox/m/a",
		"/files/../inbox/m/a", "/files/.hidden/inbox/m/a", "/files/a%2Fb/inbox/m/a",
		"/files/sess-1/inbox/../outbox/a", "/files/sess-1/inbox/%2e%2e/a", "/files/sess-1/inbox/./a",
		"/files/sess-1/inbox//a", "/files/sess-1/inbox/m/a%2Fb", "/files/sess-1/inbox/m/a%00", "/files/sess-1/inbox/m/%zz",
	} {
		if id, file, ok := parseAttachmentURL(path); ok {
			t.Errorf("%s is read as %s of %s", path, file, id)
		}
	}
}

func FuzzAttachmentURL(f *testing.F) {
	f.Add("sess-1", "inbox/m1/photo.jpg")
	f.Add("sess-1", "outbox/r/ü %2F+&=?#;:@\\.txt")
	f.Add("sess-1", "inbox/../a")
	f.Add("a.b_c", "outbox/\xff/\n")
	f.Fuzz(func(t *testing.T, sessionID, path string) {
		address := attachmentURL(sessionID, path)
		gotID, gotPath, ok := parseAttachmentURL(address)
		if !ok {
			if engine.SafeID(sessionID) && relative(path) {
				t.Fatalf("%s is not read back", address)
			}
			return
		}
		if gotID != sessionID || gotPath != path {
			// A session id that is none may run into the path; the two
			// together still say the same.
			if engine.SafeID(sessionID) {
				t.Fatalf("%s reads back as %q of %q, want %q of %q", address, gotPath, gotID, path, sessionID)
			}
		}
		u, err := url.Parse("http://127.0.0.1" + address)
		if engine.SafeID(sessionID) && (err != nil || u.EscapedPath() != address || u.RawQuery != "" || u.Fragment != "") {
			t.Fatalf("a client reads %s as %v, %v", address, u, err)
		}
	})
}

func relative(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.Contains(part, "\x00") {
			return false
		}
	}
	return true
}
