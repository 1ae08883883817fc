package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/graph"
	"github.com/twinbox/twinbox/web"
)

// serverConfig is what a server is started with.
type serverConfig struct {
	data, listen string
	tlsCert      string
	tlsKey       string
	// insecure allows to listen beyond this machine without TLS.
	insecure bool
	// token is the admin token; "" is the data directory's own.
	token string
	// grace is how long a stop waits for requests that were begun.
	grace   time.Duration
	options twinbox.Options
	// wakers is the file that options.Wakers was read from; "" if there is none.
	wakers string
	graph  graph.Config
	log    *slog.Logger
}

// server is a running engine with its API.
type server struct {
	url, token string
	// tokenMade: this start made the token.
	tokenMade bool

	config  serverConfig
	host    *twinbox.Host
	handler *graph.Handler
	http    *http.Server
	failed  chan error // one value, when serving ends

	serving sync.WaitGroup
}

// startServer opens the data directory and listens. What it began is undone
// when it fails; else its caller calls stop.
func startServer(ctx context.Context, cfg serverConfig) (_ *server, err error) {
	address, err := listenAddress(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.token != "" {
		if err := checkToken(cfg.token); err != nil {
			return nil, failf(exitUsage, "ENGINE_TOKEN: %w", err)
		}
	}
	var certificates []tls.Certificate
	if cfg.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.tlsCert, cfg.tlsKey)
		if err != nil {
			return nil, fmt.Errorf("read the TLS certificate: %w", err)
		}
		certificates = append(certificates, pair)
	}
	metrics := prometheus.NewRegistry()
	cfg.options.Metrics, cfg.graph.Metrics = metrics, metrics
	s := &server{config: cfg, failed: make(chan error, 1)}
	if s.host, err = openHost(ctx, cfg); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.host.Close())
		}
	}()
	if s.token = cfg.token; s.token == "" {
		if s.token, s.tokenMade, err = adminToken(cfg.data); err != nil {
			return nil, err
		}
	}
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.url = serverURL(listener.Addr().(*net.TCPAddr), certificates != nil)
	if s.handler, err = newHandler(s, address); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.http = graph.NewServer(s.handler, cfg.log)
	if err := writeFile(cfg.data, urlFile, s.url+"\n"); err != nil {
		return nil, errors.Join(fmt.Errorf("note the URL in the data directory: %w", err), listener.Close())
	}
	s.http.TLSConfig = &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}
	s.serving.Go(func() {
		if certificates == nil {
			s.failed <- s.http.Serve(listener)
		} else {
			s.failed <- s.http.ServeTLS(listener, "", "")
		}
	})
	return s, nil
}

func openHost(ctx context.Context, cfg serverConfig) (*twinbox.Host, error) {
	compiler, err := hookCompiler()
	if err != nil {
		return nil, err
	}
	cfg.options.HookCompiler = compiler
	host, err := twinbox.Open(ctx, cfg.data, cfg.options)
	if errors.Is(err, twinbox.ErrLocked) {
		return nil, &exitError{code: exitInUse, err: err}
	}
	return host, err
}

func newHandler(s *server, address *net.TCPAddr) (*graph.Handler, error) {
	c := s.config.graph
	c.Token, c.Version, c.Log, c.Console = s.token, version(), s.config.log, web.Bundle()
	if address.IP.IsLoopback() {
		// The page shows it to everybody who can reach it.
		c.DataDir = s.config.data
	}
	return graph.NewHandler(s.host.Engine, c)
}

// listenAddress resolves the address to listen on once, so that what is
// checked is what is bound.
func listenAddress(cfg serverConfig) (*net.TCPAddr, error) {
	address, err := net.ResolveTCPAddr("tcp", cfg.listen)
	if err != nil {
		return nil, failf(exitUsage, "--listen %q is not HOST:PORT: %w", cfg.listen, err)
	}
	if !address.IP.IsLoopback() && cfg.tlsCert == "" && !cfg.insecure {
		return nil, failf(exitUsage, "--listen %s is reachable from other machines, and without TLS the admin token and all messages would cross the network readable. "+
			"Give --tls-cert and --tls-key, or --insecure-listen if something in front of the engine (a proxy, a container's own network) sees to that", cfg.listen)
	}
	return address, nil
}

// serverURL is where this machine reaches the server.
func serverURL(a *net.TCPAddr, secure bool) string {
	scheme, host := "http", a.IP.String()
	if secure {
		scheme = "https"
	}
	if a.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// signInURL opens the console and signs in, once.
func (s *server) signInURL() string { return s.url + "/#code=" + s.handler.SignInCode() }

// wait returns when ctx ends, or with the reason why serving ended before.
func (s *server) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return fmt.Errorf("serve: %w", err)
	}
}

// stop takes no more requests, finishes those it has, and closes the host.
func (s *server) stop() error {
	s.config.log.Info("stopping: finishing what was accepted")
	ctx, cancel := context.WithTimeout(context.Background(), s.config.grace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests were cut off after %s: %w", s.config.grace, errors.Join(err, s.http.Close()))
	}
	s.handler.Close()
	s.serving.Wait()
	// While the directory is still ours: the next engine notes its own.
	if rerr := os.Remove(filepath.Join(s.config.data, urlFile)); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	wait := max(closeTime, s.config.grace) + s.host.StopTime()
	closed := make(chan error, 1)
	go func() { closed <- s.host.Close() }()
	select {
	case cerr := <-closed:
		if cerr != nil {
			err = errors.Join(err, fmt.Errorf("close the data directory: %w", cerr))
		}
	case <-time.After(wait):
		// A hook's call cannot be stopped, and docker may not answer. What was
		// accepted is durable, as after a crash.
		err = errors.Join(err, fmt.Errorf("a call of a hook or a container has not ended %s after the requests: the engine ends without it", wait))
	}
	return err
}

// closeTime is how long a stop waits at least for what outlives its request,
// beside containers that were asked to end.
const closeTime = 5 * time.Second
