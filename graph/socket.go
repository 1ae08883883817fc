package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/twinbox/twinbox/engine"
)

const (
	socketProtocol = "graphql-transport-ws"
	// socketMessageBytes bounds what a client sends at once.
	socketMessageBytes = 64 << 10
	// tokenTime is how long a socket may wait for its token.
	tokenTime = 10 * time.Second
	// maxOperationID bounds the id of a subscription, which is sent back with
	// each of its events.
	maxOperationID = 128
)

// The reasons for which a socket is closed, as the protocol numbers them.
const (
	closeMalformed   websocket.StatusCode = 4400
	closeNotReady    websocket.StatusCode = 4401
	closeForbidden   websocket.StatusCode = 4403
	closeSubprotocol websocket.StatusCode = 4406
	closeTokenTime   websocket.StatusCode = 4408
	closeTaken       websocket.StatusCode = 4409
	closeInitTwice   websocket.StatusCode = 4429
)

var (
	faultSubscriptions   = fault{http.StatusTooManyRequests, codeRateLimited, "there are as many subscriptions on this WebSocket as are allowed; end some, or use another"}
	faultNotSubscription = fault{http.StatusBadRequest, codeBadRequest, "WebSockets are for subscriptions; send queries and mutations by POST"}
)

// socket is a connection that speaks graphql-transport-ws. It takes
// subscriptions alone: what can change something is a POST.
type socket struct {
	h      *handler
	conn   *websocket.Conn
	ctx    context.Context // ends with the socket
	remote string
	// cookie is the request's half of a console's sign-in.
	cookie string
	// known: the token was in the request's header.
	known bool
	// ready: it was greeted, and may subscribe.
	ready   bool
	release func() // its place among the others
	running sync.WaitGroup

	mu sync.Mutex // guards what follows
	// active are the subscriptions, by their ids, that the client wants.
	active map[string]*subscription
	// working counts also those that are to end and have not yet.
	working int
}

type subscription struct{ cancel context.CancelFunc }

// isSocket reports whether r wants to become a WebSocket.
func isSocket(r *http.Request) bool {
	return r.URL.Path == "/graphql" && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// serveSocket serves a socket until one side closes it. The caller has checked
// where the request comes from, and the token if there was one in its header.
func (h *handler) serveSocket(ctx context.Context, a *answer, r *http.Request) {
	s := &socket{h: h, remote: r.RemoteAddr, cookie: signInCookie(r), active: map[string]*subscription{}}
	_, s.known = r.Header["Authorization"]
	var f *fault
	if s.release, f = h.streams.takeSocket(s.known); f != nil {
		a.fail(*f)
		return
	}
	defer func() { s.release() }()
	a.streams = true
	conn, err := websocket.Accept(a, r, &websocket.AcceptOptions{Subprotocols: []string{socketProtocol}, InsecureSkipVerify: true})
	if err != nil {
		return // it has answered
	}
	s.conn = conn
	// The request's context says nothing of a connection that was taken over.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.ctx = ctx
	defer s.running.Wait()
	defer cancel()
	defer conn.CloseNow()
	if conn.Subprotocol() != socketProtocol {
		s.close(closeSubprotocol, "Subprotocol not acceptable")
		return
	}
	conn.SetReadLimit(socketMessageBytes)
	unwatch := context.AfterFunc(h.streams.ctx, func() { s.close(websocket.StatusGoingAway, "the engine is shutting down") })
	defer unwatch()
	s.running.Go(func() { s.keepAlive() })
	s.listen()
}

// close ends the socket, and with it listen.
func (s *socket) close(code websocket.StatusCode, reason string) { _ = s.conn.Close(code, reason) }

// send gives up on a reader that does not take a message in time; that closes
// the connection, as would the end of a subscription's context.
func (s *socket) send(message []byte) error {
	ctx, cancel := context.WithTimeout(s.ctx, stallTime)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, message)
}

// keepAlive closes the connection of a client that has gone.
func (s *socket) keepAlive() {
	tick := time.NewTicker(beatTime)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		wait, cancel := context.WithTimeout(s.ctx, stallTime)
		err := s.conn.Ping(wait)
		cancel()
		if err != nil {
			_ = s.conn.CloseNow()
			return
		}
	}
}

// listen does what the client says, until it goes, or says something wrong.
func (s *socket) listen() {
	silent := time.AfterFunc(tokenTime, func() { s.close(closeTokenTime, "Connection initialisation timeout") })
	defer silent.Stop()
	for {
		kind, data, err := s.conn.Read(s.ctx)
		if err != nil {
			return
		}
		value, err := parseJSON(data)
		message, ok := value.(map[string]any)
		if kind != websocket.MessageText || err != nil || !ok {
			s.close(closeMalformed, "a message is a JSON object")
			return
		}
		switch message["type"] {
		case "connection_init":
			silent.Stop()
			if !s.greet(message["payload"]) {
				return
			}
		case "ping":
			if s.send([]byte(`{"type":"pong"}`)) != nil {
				return
			}
		case "pong":
		case "subscribe":
			if !s.subscribe(message) {
				return
			}
		case "complete":
			id, _ := message["id"].(string)
			s.forget(id, nil)
		default:
			s.close(closeMalformed, "there is no such type of message")
			return
		}
	}
}

// greet answers connection_init, and reports whether the socket goes on.
func (s *socket) greet(payload any) bool {
	if s.ready {
		s.close(closeInitTwice, "Too many initialisation requests")
		return false
	}
	if !s.known {
		if !s.h.auth.allows(bearer(payload)) && !s.h.signIns.allows(s.cookie, consoleKey(payload)) {
			s.h.guessed(s.ctx, s.remote)
			s.close(closeForbidden, "Forbidden")
			return false
		}
		release, f := s.h.streams.takeSocket(true)
		if f != nil {
			s.close(websocket.StatusTryAgainLater, f.message)
			return false
		}
		s.release()
		s.release = release
	}
	s.ready = true
	return s.send([]byte(`{"type":"connection_ack"}`)) == nil
}

// bearer is the token of connection_init, as a header would have it.
func bearer(payload any) string {
	fields, _ := payload.(map[string]any)
	for _, name := range []string{"Authorization", "authorization"} {
		if header, ok := fields[name].(string); ok {
			return header
		}
	}
	if token, ok := fields["token"].(string); ok {
		return "Bearer " + token
	}
	return ""
}

// subscribe begins a subscription, and reports whether the socket goes on.
func (s *socket) subscribe(message map[string]any) bool {
	if !s.ready {
		s.close(closeNotReady, "Unauthorized")
		return false
	}
	id, _ := message["id"].(string)
	payload, ok := message["payload"].(map[string]any)
	if id == "" || len(id) > maxOperationID || !ok {
		s.close(closeMalformed, "subscribe takes an id of 1 to 128 bytes and a payload")
		return false
	}
	ctx, cancel := context.WithCancel(s.ctx)
	sub := &subscription{cancel}
	s.mu.Lock()
	_, taken := s.active[id]
	full := s.working >= maxSubscriptions
	if !taken && !full {
		s.active[id] = sub
		s.working++
	}
	s.mu.Unlock()
	switch {
	case taken:
		cancel()
		s.close(closeTaken, "Subscriber for "+id[:min(len(id), 64)]+" already exists")
		return false
	case full:
		cancel()
		return s.refuse(id, faultSubscriptions) == nil
	}
	s.running.Go(func() {
		defer s.forget(id, sub)
		s.serve(ctx, id, payload)
	})
	return true
}

// forget ends a subscription: the one that has the id, or sub when it is over.
func (s *socket) forget(id string, sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.active[id]
	if sub != nil {
		s.working--
		sub.cancel()
	} else if found != nil {
		found.cancel()
	}
	if sub == nil || found == sub {
		delete(s.active, id)
	}
}

// serve carries out one subscription.
func (s *socket) serve(ctx context.Context, id string, payload map[string]any) {
	ctx = withRequestID(ctx, newRequestID())
	defer func() {
		if p := recover(); p != nil {
			logFault(ctx, s.h.log, engine.CodeInternal, "", recoverPanic(ctx, p))
			_ = s.refuse(id, faultInternal)
		}
	}()
	ctx, end, f := s.h.streams.begin(ctx)
	if f != nil {
		_ = s.refuse(id, *f)
		return
	}
	defer end()
	p, f := objectParams(payload)
	if f != nil {
		_ = s.refuse(id, *f)
		return
	}
	op, errs := s.h.prepare(ctx, p)
	if errs != nil {
		s.h.metrics.operation(op.Operation, firstCode(errs))
		_ = s.fail(id, errs)
		return
	}
	if op.Operation.Operation != ast.Subscription {
		_ = s.refuse(id, faultNotSubscription)
		return
	}
	failed := false
	err := s.h.run(ctx, op, func(r *graphql.Response) error {
		if failed = r.Data == nil; failed {
			return s.fail(id, r.Errors)
		}
		return s.send(operationMessage("next", id, responseJSON(r)))
	})
	switch {
	case failed || ctx.Err() != nil:
	case engine.CodeOf(err) == engine.CodeUnavailable:
		// Whoever is told that it is complete does not come back.
		s.close(websocket.StatusGoingAway, "the engine is shutting down")
	case err != nil:
		_ = s.fail(id, gqlerror.List{presentError(s.h.log)(ctx, err)})
	default:
		_ = s.send(operationMessage("complete", id, nil))
	}
}

// refuse ends a subscription with a fault.
func (s *socket) refuse(id string, f fault) error {
	err := gqlerror.Errorf("%s", f.message)
	err.Extensions = map[string]any{"code": f.code}
	return s.fail(id, gqlerror.List{err})
}

// fail ends a subscription with errors.
func (s *socket) fail(id string, errs gqlerror.List) error {
	payload, err := json.Marshal(errs)
	if err != nil {
		return err
	}
	return s.send(operationMessage("error", id, payload))
}

func operationMessage(kind, id string, payload []byte) []byte {
	// A string: this cannot fail.
	quoted, _ := json.Marshal(id)
	b := make([]byte, 0, 48+len(quoted)+len(payload))
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","id":`...)
	b = append(b, quoted...)
	if payload != nil {
		b = append(b, `,"payload":`...)
		b = append(b, payload...)
	}
	return append(b, '}')
}

// consoleKey is the other half of a console's sign-in.
func consoleKey(payload any) string {
	fields, _ := payload.(map[string]any)
	key, _ := fields["consoleKey"].(string)
	return key
}
