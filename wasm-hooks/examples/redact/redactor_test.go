package main

import (
	"strings"
	"testing"

	"github.com/twinbox/twinbox/wasm-hooks/go/hook"
)

func TestPersonalDataIsTakenOut(t *testing.T) {
	r := redactor{Email: "[email]", Phone: "[phone]", Card: "[card]"}
	for _, c := range []struct{ was, want string }{
		// addresses
		{"write to ann@example.com.", "write to [email]."},
		{"<ann.lee+x@mail.example.co.uk>", "<[email]>"},
		{"mailto:ann@example.com?subject=x", "mailto:[email]?subject=x"},
		{"https://x.example/?to=ann@example.com&x", "https://x.example/?to=[email]&x"},
		{"'ann@example.com', \"bob@example.org\"", "'[email]', \"[email]\""},
		{"a@example.com,b@example.com;c@example.com", "[email],[email];[email]"},
		{"jürgen@müller.example", "[email]"},
		{"请联系ann@example.com谢谢", "请联系[email]谢谢"},
		{"ann@example.com-", "[email]-"},
		{"ann@example.com... and", "[email]... and"},
		{"ann@a-b.example", "[email]"},
		{"ann@example..com", "ann@example..com"},
		{"@ann at the meeting @ 5", "@ann at the meeting @ 5"},
		{"root@localhost a@b.c user@10.0.0.1", "root@localhost a@b.c user@10.0.0.1"},
		// phone numbers
		{"+1 (555) 123-4567", "[phone]"},
		{"call (555) 123-4567 now", "call [phone] now"},
		{"555.123.4567, 555-123-4567; 1-555-123-4567", "[phone], [phone]; [phone]"},
		{"+442079460958 or 020 7946 0958", "[phone] or [phone]"},
		{"+44 (0)20 7946 0958", "[phone]"},
		{"0049 171 1234567", "[phone]"},
		{"0171/1234567 (mobil)", "[phone] (mobil)"},
		{"01 23 45 67 89", "[phone]"},
		{"+33 1 23 45 67 89.", "[phone]."},
		{"+49\u00a0171\u00a01234567", "[phone]"},
		{"+91 98765\u201143210", "[phone]"},
		{"room 12 555-123-4567", "room 12 [phone]"},
		// card numbers
		{"4111 1111 1111 1111", "[card]"},
		{"4111-1111-1111-1111 exp 12/29", "[card] exp 12/29"},
		{"card:4111111111111111.", "card:[card]."},
		{"3782 822463 10005 and 378282246310005", "[card] and [card]"},
		{"no 12 4111 1111 1111 1111", "no 12 [card]"},
		{"4111\u00a01111\u00a01111\u00a01111", "[card]"},
		{"4111 1111 1111 1112", "4111 1111 1111 1112"},
		// what looks like it
		{"2026-01-02 03:04:05, 02.01.2026 10:30", "2026-01-02 03:04:05, 02.01.2026 10:30"},
		{"192.168.100.200 and 10.0.0.1:8080", "192.168.100.200 and 10.0.0.1:8080"},
		{"550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"},
		{"at 1767225600000 ms, order 1234567890", "at 1767225600000 ms, order 1234567890"},
		{"ISBN 978-3-16-148410-0", "ISBN 978-3-16-148410-0"},
		{"0.00000000001 or 1,000,000.00", "0.00000000001 or 1,000,000.00"},
		{"x4111111111111111 4111111111111111x", "x4111111111111111 4111111111111111x"},
		{strings.Repeat("4", 40), strings.Repeat("4", 40)},
		{"(", "("}, {"+", "+"}, {"@", "@"}, {"", ""}, {"ann@example.com", "[email]"},
	} {
		got := r.redact(c.was)
		if got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.was, got, c.want)
		}
		if again := r.redact(got); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	}
}

func TestAKindThatIsSwitchedOffStays(t *testing.T) {
	r := redactor{Card: "X"}
	if got, want := r.redact("ann@example.com +1 555 123 4567 4111111111111111"), "ann@example.com +1 555 123 4567 X"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAReplacementThatWouldBeTakenOutItselfIsRefused(t *testing.T) {
	c := config{redactor: redactor{Email: "[email]", Phone: "ask help@example.com"}}
	if err := c.check(); err == nil || !strings.Contains(err.Error(), "ask help@example.com") {
		t.Errorf("got %v", err)
	}
}

func TestAllStringsButTheExceptedAreRedacted(t *testing.T) {
	c := config{redactor: redactor{Email: "[email]"}, Everywhere: true, Except: []string{"id"}}
	m := hook.NewMessage([]byte(`{"message":{"content":{"id":"a@example.com","to":["b@example.com",{"a@example.com":1}],"text":"\u0063@example.com","attachments":[{"ref":"d@example.com"}]}}}`))
	want := `{"action":"replace","content":{"id":"a@example.com","to":["[email]",{"a@example.com":1}],"text":"[email]","attachments":[{"ref":"d@example.com"}]}}`
	if got := c.answer(m).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func BenchmarkRedact(b *testing.B) {
	r := redactor{Email: "[email]", Phone: "[phone]", Card: "[card]"}
	text := "Please call me at +1 (555) 123-4567 or write to ann@example.com, my card is 4111 1111 1111 1111."
	for b.Loop() {
		r.redact(text)
	}
}
