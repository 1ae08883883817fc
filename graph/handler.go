package graph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
)

// Config is what a handler needs besides an engine.
type Config struct {
	// Token is the admin token. Only its hash is kept.
	Token string
	// Origins are the web origins besides the engine's own whose pages may use
	// the API: "https://console.example".
	Origins []string
	// Hosts are names and addresses, without port, that the engine is called
	// by, besides localhost, loopback addresses and the address that a
	// connection comes in at.
	Hosts []string
	// BodyBytes bounds the body of one GraphQL request; 0 is 48 MiB.
	BodyBytes int64
	// InFlightBytes bounds the memory that the bodies of all GraphQL requests
	// take at one time; 0 is 256 MiB. One request takes up to twice its body.
	InFlightBytes int64
	// Streams bounds the subscriptions and event streams that are open at one
	// time; 0 is 512.
	Streams int
	// Version and DataDir are shown on the page at "/", to everybody.
	Version, DataDir string
	// Console is the built console, as web.Bundle has it; nil: the page at "/"
	// says how to build it.
	Console fs.FS
	// Now is the clock that sign-ins to the console expire by; nil is time.Now.
	Now func() time.Time
	// Metrics gets the handler's metrics and is served at /metrics; nil is a
	// registry of the handler's own.
	Metrics *prometheus.Registry
	// Log takes what no caller is told; nil discards it. Requests are logged at
	// level Debug.
	Log *slog.Logger
}

const (
	defaultBodyBytes     = 48 << 20
	defaultInFlightBytes = 256 << 20
)

// The parts of a handler, as its metrics call them.
const (
	routePage    = "page"
	routeHealth  = "healthz"
	routeReady   = "readyz"
	routeMetrics = "metrics"
	routeGraphQL = "graphql"
	routeUploads = "uploads"
	routeFiles   = "files"
	routeEvents  = "events"
	routeSocket  = "websocket"
	routeConsole = "console"
	routeSignIn  = "sign-in"
	routeCodes   = "sign-in-codes"
	routeSignOut = "sign-out"
	routeNone    = "none"
)

type handler struct {
	engine    *engine.Engine
	schema    graphql.ExecutableSchema
	log       *slog.Logger
	auth      *authenticator
	signIns   *signIns
	hosts     hosts
	origins   origins
	headers   http.Header
	bodyBytes int64
	budget    *budget
	buffers   buffers
	documents *documents
	executor  *executor.Executor
	streams   *streams
	metrics   *metrics
	page      *frontPage
	console   *console
}

// Handler serves an engine over HTTP. Its methods may be called concurrently.
type Handler struct{ *handler }

// Close ends all subscriptions and event streams, which otherwise last as long
// as their readers like, and waits for that. There are no new ones after it.
// The server that NewServer returned does as much when it is shut down, but
// waits for those over WebSocket no longer than for others.
func (h *Handler) Close() { h.streams.close() }

// NewHandler serves e over HTTP: the GraphQL API at /graphql, events at
// /events, files at /files and /uploads, /metrics, and without a token only
// /healthz, /readyz and the console's pages, which sign in at /sign-in. The engine stays its owner's. See NewServer for what it needs of
// a server.
func NewHandler(e *engine.Engine, c Config) (*Handler, error) {
	if c.Token == "" {
		return nil, errors.New("make HTTP handler: the admin token is empty")
	}
	if c.BodyBytes == 0 {
		c.BodyBytes = defaultBodyBytes
	}
	if c.InFlightBytes == 0 {
		c.InFlightBytes = max(defaultInFlightBytes, 2*c.BodyBytes)
	}
	if c.InFlightBytes < 2*c.BodyBytes {
		return nil, fmt.Errorf("make HTTP handler: %d bytes for all requests are less than twice the %d for one", c.InFlightBytes, c.BodyBytes)
	}
	if c.Streams == 0 {
		c.Streams = defaultStreams
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	b := &budget{limit: c.InFlightBytes}
	streams := newStreams(c.Streams)
	schema := newSchema(e, b, streams)
	h := &handler{
		engine: e, schema: schema, log: c.Log, auth: newAuthenticator(c.Token), signIns: newSignIns(c.Token, c.Now), hosts: newHosts(c.Hosts), headers: securityHeaders(),
		bodyBytes: c.BodyBytes, budget: b, streams: streams,
		documents: newDocuments(schema.Schema()), executor: newExecutor(schema, c.Log),
	}
	var err error
	if h.origins, err = newOrigins(c.Origins); err != nil {
		return nil, fmt.Errorf("make HTTP handler: %w", err)
	}
	if h.page, err = newFrontPage(c.Version, c.DataDir); err != nil {
		return nil, fmt.Errorf("make HTTP handler: %w", err)
	}
	if h.console, err = newConsole(c.Console); err != nil {
		return nil, fmt.Errorf("make HTTP handler: %w", err)
	}
	if h.metrics, err = newMetrics(c.Metrics, h.budget, streams); err != nil {
		return nil, fmt.Errorf("make HTTP handler: %w", err)
	}
	return &Handler{h}, nil
}

// NewServer returns a server for a handler of NewHandler, with the time-outs
// that the handler does not set itself: it sets those of bodies, which have
// different ones. The server's own complaints go to log at level Debug; nil
// discards them. The caller listens, serves and shuts it down.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if h, ok := h.(*Handler); ok {
		s.RegisterOnShutdown(h.streams.shut)
	}
	return s
}

// securityHeaders are on every answer; a route may replace some. Their values
// are shared and never changed.
func securityHeaders() http.Header {
	return http.Header{
		"Cache-Control":                {"no-store"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
	}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := newRequestID()
	ctx := withRequestID(r.Context(), id)
	a := &answer{ResponseWriter: w, control: http.NewResponseController(w), requestID: id,
		unread: r.ContentLength != 0 && r.ProtoMajor == 1}
	header := a.Header()
	for name, values := range h.headers {
		header[name] = values
	}
	header["X-Request-Id"] = []string{id}
	route, open := routeOf(r.URL.Path)
	if isSocket(r) {
		route = routeSocket
	}
	if route == routeNone && h.console != nil && isNavigation(r) {
		route, open = routeConsole, true
	}
	open = open || route == routeFiles && h.signed(r)
	defer func() {
		if p := recover(); p != nil {
			h.recovered(ctx, a, p)
		}
		took := time.Since(start)
		h.metrics.request(route, a.status)
		if !a.streams {
			h.metrics.took(route, took)
		}
		if h.log.Enabled(ctx, slog.LevelDebug) {
			h.log.DebugContext(ctx, "request", "request", id, "remote", r.RemoteAddr, "method", r.Method, "route", route, "status", a.status, "took", took)
		}
		if a.broken {
			panic(http.ErrAbortHandler)
		}
	}()
	if h.admit(ctx, a, r, open) {
		h.serve(ctx, a, r, route)
	}
}

// recovered keeps a panic from the client: it gets a fault, or if it got a
// part of an answer already, a broken connection.
func (h *handler) recovered(ctx context.Context, a *answer, p any) {
	if p != http.ErrAbortHandler {
		logFault(ctx, h.log, engine.CodeInternal, "", recoverPanic(ctx, p))
	}
	if a.status != 0 {
		a.broken = true
		return
	}
	a.fail(faultInternal)
}

func routeOf(path string) (route string, open bool) {
	switch path {
	case "/graphql":
		return routeGraphQL, false
	case "/":
		return routePage, true
	case "/healthz":
		return routeHealth, true
	case "/readyz":
		return routeReady, true
	case "/metrics":
		return routeMetrics, false
	case "/uploads":
		return routeUploads, false
	case "/events":
		return routeEvents, false
	case "/sign-in":
		return routeSignIn, true
	case "/sign-in/codes":
		return routeCodes, false
	case "/sign-out":
		return routeSignOut, true
	}
	if len(path) > len(filesPrefix) && path[:len(filesPrefix)] == filesPrefix {
		return routeFiles, false
	}
	if consolePath(path) {
		return routeConsole, true
	}
	return routeNone, false
}

// admit decides whether a request is served at all, and answers it if not.
// What is open needs no token; everything else does nothing without one.
func (h *handler) admit(ctx context.Context, a *answer, r *http.Request, open bool) bool {
	if !h.hosts.allows(r) {
		a.fail(faultHost)
		return false
	}
	if !h.origins.allows(r, open) {
		a.fail(faultOrigin)
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" && h.origins.has(origin) {
		header := a.Header()
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After")
		header.Set("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			header.Set("Access-Control-Allow-Methods", "GET, POST")
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			header.Set("Access-Control-Max-Age", "600")
			a.WriteHeader(http.StatusNoContent)
			return false
		}
	}
	if open || h.auth.allows(r.Header.Get("Authorization")) || h.signIns.allows(signInCookie(r), r.Header.Get(keyHeader)) {
		return true
	}
	if _, given := r.Header["Authorization"]; !given && isSocket(r) {
		return true // its first message has to have the token
	}
	h.refuse(ctx, a, r)
	return false
}

// refuse answers a request that has no token or a wrong one. Only wrong ones
// count as guesses.
func (h *handler) refuse(ctx context.Context, a *answer, r *http.Request) {
	challenge := `Bearer realm="twinbox"`
	if r.Header.Get("Authorization") != "" {
		challenge += `, error="invalid_token"`
		if h.guessed(ctx, r.RemoteAddr) {
			a.fail(faultGuessing)
			return
		}
	}
	a.Header().Set("WWW-Authenticate", challenge)
	a.fail(faultToken)
}

// guessed counts a wrong token, and reports whether its sender is to wait.
func (h *handler) guessed(ctx context.Context, remote string) (wait bool) {
	n := h.auth.failures.note(remote, time.Now())
	if n == maxFailures+1 {
		h.log.WarnContext(ctx, "many wrong tokens from one address", "remote", remote)
	}
	return n > maxFailures
}

func (h *handler) serve(ctx context.Context, a *answer, r *http.Request, route string) {
	switch route {
	case routeGraphQL:
		h.serveGraphQL(ctx, a, r)
		return
	case routeSocket:
		h.serveSocket(ctx, a, r)
		return
	case routeUploads:
		if a.permits(r, http.MethodPost) {
			h.serveUpload(ctx, a, r)
		}
		return
	case routeSignIn:
		if a.permits(r, http.MethodPost) {
			h.serveSignIn(a, r)
		}
		return
	case routeCodes:
		if a.permits(r, http.MethodPost) {
			h.serveSignInCode(a, r)
		}
		return
	case routeSignOut:
		if a.permits(r, http.MethodPost) {
			h.serveSignOut(a, r)
		}
		return
	}
	if route == routeEvents {
		if a.permits(r, http.MethodGet) {
			h.serveEvents(ctx, a, r)
		}
		return
	}
	if !a.permits(r, http.MethodGet, http.MethodHead) {
		return
	}
	switch route {
	case routePage:
		if h.console != nil {
			h.console.serve(a, r)
		} else {
			h.page.serve(a, r)
		}
	case routeConsole:
		if h.console != nil {
			h.console.serve(a, r)
		} else {
			a.fail(faultNotFound)
		}
	case routeHealth:
		serveHealth(a)
	case routeReady:
		h.serveReady(ctx, a)
	case routeMetrics:
		h.metrics.handler.ServeHTTP(a, r)
	case routeFiles:
		h.serveFile(ctx, a, r)
	default:
		a.fail(faultNotFound)
	}
}
