// Package delivery pushes replies to webhooks. Who answers there, and what, is
// hostile: nothing is followed, little is read, nothing is waited for long.
package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	// Deadline is how long an attempt may take, its answer included.
	Deadline = 30 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 64 << 10
	// maxReason bounds what is told of an error that a receiver may have worded,
	// as its certificate does, in bytes.
	maxReason = 256
	// maxPlatformID bounds an id that an answer carries, in bytes.
	maxPlatformID = 1024
)

// The headers of a request, beside Content-Type.
const (
	// HeaderTimestamp is when the attempt was made, in seconds since 1970.
	HeaderTimestamp = "Twinbox-Timestamp"
	// HeaderSignature is "v1=" and the HMAC-SHA-256, in hexadecimal, of the
	// time stamp, a dot and the body, under the webhook's secret.
	HeaderSignature = "Twinbox-Signature"
	// HeaderDelivery is the delivery's id.
	HeaderDelivery = "Twinbox-Delivery"
)

// Options are for New.
type Options struct {
	// AllowPrivate lets webhooks have private, loopback and link-local
	// addresses. Else one who can set a webhook could reach with it what only
	// the engine's machine can.
	AllowPrivate bool
	// BaseURL is where receivers reach the engine; it is put before the
	// addresses of files. "" leaves them relative.
	BaseURL string
	// Deadline 0 is Deadline.
	Deadline time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Webhooks implements engine.Sender.
type Webhooks struct {
	options Options
	client  *http.Client
}

var _ engine.Sender = (*Webhooks)(nil)

// New makes a sender. Its caller closes it.
func New(o Options) *Webhooks {
	if o.Deadline == 0 {
		o.Deadline = Deadline
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !o.AllowPrivate {
		dialer.Control = refusePrivate
	}
	return &Webhooks{options: o, client: &http.Client{
		Transport: &http.Transport{
			// No proxy: it would dial what is refused here.
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, DisableCompression: true,
			MaxIdleConns: 64, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends idle connections.
func (w *Webhooks) Close() { w.client.CloseIdleConnections() }

var errPrivate = errors.New("the address is private")

// refusePrivate is called with the address that is dialled, after names were
// resolved: a name that was checked before could have another one by now.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errPrivate, address)
	}
	if private(at.Addr()) {
		return errPrivate
	}
	return nil
}

// private tells addresses that are not of the internet at large.
func private(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return true
	}
	for _, p := range [...]string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// Check implements engine.Sender.
func (w *Webhooks) Check(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return engine.Errorf(engine.CodeInvalidInput, "the url is not an address such as https://example.org/replies")
	case u.User != nil || u.Fragment != "":
		return engine.Errorf(engine.CodeInvalidInput, "the url has a user or a fragment, which are not sent; use the secret to tell who sends")
	}
	if a, err := netip.ParseAddr(u.Hostname()); !w.options.AllowPrivate && (err == nil && private(a) || u.Hostname() == "localhost") {
		return engine.Errorf(engine.CodeInvalidInput, "the url has a private address, which the engine refuses to send to unless it is started with --webhook-allow-private")
	}
	return nil
}

// Send implements engine.Sender.
func (w *Webhooks) Send(ctx context.Context, hook engine.Webhook, p engine.Parcel) (engine.Receipt, error) {
	body, err := json.Marshal(w.body(p))
	if err != nil {
		return engine.Receipt{}, &engine.SendError{Reason: "the reply cannot be written as JSON", Permanent: true}
	}
	ctx, cancel := context.WithTimeout(ctx, w.options.Deadline)
	defer cancel()
	var connected atomic.Bool // with TLS, where there is to be: before that, nothing of the reply is sent
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return engine.Receipt{}, &engine.SendError{Reason: "the webhook's url cannot be used", Permanent: true}
	}
	timestamp := strconv.FormatInt(w.options.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "twinbox")
	request.Header.Set(HeaderDelivery, p.DeliveryID)
	request.Header.Set(HeaderTimestamp, timestamp)
	if hook.Secret != "" {
		request.Header.Set(HeaderSignature, "v1="+Signature(hook.Secret, timestamp, body))
	}
	response, err := w.client.Do(request)
	if err != nil {
		return engine.Receipt{}, failure(ctx, err, connected.Load())
	}
	defer response.Body.Close()
	return w.judge(response)
}

// Signature is what a request is signed with, in hexadecimal.
func Signature(secret, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(timestamp + "."))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// failure tells what is wrong with a request that got no answer. Unless it was
// never connected, it may have arrived.
func failure(ctx context.Context, err error, connected bool) *engine.SendError {
	if errors.Is(err, errPrivate) {
		return &engine.SendError{Reason: "the webhook's name stands for a private address, which the engine refuses to send to unless it is started with --webhook-allow-private"}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return &engine.SendError{Reason: "the webhook cannot be reached: " + op.Err.Error()}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return &engine.SendError{Reason: "the webhook's name is not known"}
	}
	if !connected {
		return &engine.SendError{Reason: "no connection to the webhook came about: " + cause(err)}
	}
	if ctx.Err() != nil {
		return &engine.SendError{Reason: "the webhook did not answer in time", Uncertain: true}
	}
	return &engine.SendError{Reason: "the connection to the webhook broke before it answered", Uncertain: true}
}

// cause is an error without the addresses at both ends of the connection.
func cause(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

func (w *Webhooks) judge(r *http.Response) (engine.Receipt, error) {
	answer, _ := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1)) // as far as it comes
	if r.StatusCode/100 == 2 {
		// It has said so, whatever becomes of the rest.
		return engine.Receipt{PlatformMessageID: platformMessageID(answer)}, nil
	}
	failed := &engine.SendError{Reason: fmt.Sprintf("the webhook answered %d %s", r.StatusCode, http.StatusText(r.StatusCode))}
	switch r.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		failed.Permanent = r.StatusCode/100 == 4
	}
	if r.StatusCode/100 == 3 {
		failed.Reason += "; redirects are not followed"
	}
	failed.RetryAfter = w.retryAfter(r.Header.Get("Retry-After"))
	return engine.Receipt{}, failed
}

func platformMessageID(answer []byte) *string {
	var a struct {
		PlatformMessageID *string `json:"platformMessageId"`
	}
	if len(answer) > maxAnswer || json.Unmarshal(answer, &a) != nil || a.PlatformMessageID == nil ||
		*a.PlatformMessageID == "" || len(*a.PlatformMessageID) > maxPlatformID {
		return nil
	}
	return a.PlatformMessageID
}

// retryAfter reads seconds or a date; 0 is neither.
func (w *Webhooks) retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < 1<<30 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(w.options.Now()), 0)
	}
	return 0
}
