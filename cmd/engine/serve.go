package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
)

func newServeCommand() *cobra.Command {
	cfg := serverConfig{}
	limits := engine.DefaultLimits()
	folders := folderFlags{}
	logs := logFlags{}
	c := &cobra.Command{Use: "serve", Short: "Run the engine", Args: cobra.NoArgs,
		Long: `Run the engine on a data directory, which it makes if there is none, and serve its
GraphQL API at /graphql and its web console at /.

The first line on standard output says where: "listening on http://…". No request
without a token does anything. The admin token is ENGINE_TOKEN, else the one in
DATA/admin-token, which the first start makes. That start, and one on a terminal,
also prints an address that opens the console and signs in, once and within 15
minutes; engine console prints another.

SIGTERM or SIGINT: the engine takes no more requests, finishes those that it has
accepted, and exits 0. A second one ends it at once.

GOGC and GOMEMLIMIT are as in any Go program; left out, they are 800 and 1GiB.
When the engine falls quiet it gives the memory that it used back to the system.`,
		Example: `  engine serve
  engine serve --data /var/lib/twinbox --listen 127.0.0.1:9000
  engine serve --listen :8443 --tls-cert cert.pem --tls-key key.pem
  engine serve --folder-owner 1000:1000      # the user that containers run as`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(checkLimits(limits), checkRetention(cfg.options), folders.apply(&cfg.options)); err != nil {
				return err
			}
			var err error
			if cfg.options.Wakers, err = readWakers(cfg.wakers); err != nil {
				return err
			}
			log, err := logs.logger(c.ErrOrStderr())
			if err != nil {
				return err
			}
			cfg.log, cfg.options.Log, cfg.options.Limits = log, log, limits
			cfg.token = os.Getenv("ENGINE_TOKEN")
			collectLess()
			return serve(c, cfg)
		}}
	f := c.Flags()
	f.StringVar(&cfg.data, "data", defaultData(), "the data directory")
	f.StringVar(&cfg.listen, "listen", "127.0.0.1:8080", "HOST:PORT to listen on; port 0 takes a free one")
	f.StringVar(&cfg.tlsCert, "tls-cert", "", "serve TLS with this certificate (PEM, with its chain)")
	f.StringVar(&cfg.tlsKey, "tls-key", "", "the certificate's key (PEM)")
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	f.BoolVar(&cfg.insecure, "insecure-listen", false, "listen beyond this machine without TLS: anybody on the way can read the token")
	f.DurationVar(&cfg.grace, "grace", 30*time.Second, "how long a stop waits for requests that were begun, and then for what outlives them")
	f.StringSliceVar(&cfg.graph.Hosts, "allow-host", nil, "a name, without port, that clients call the engine by, besides localhost and the address it listens on")
	f.StringSliceVar(&cfg.graph.Origins, "allow-origin", nil, "a web origin besides the engine's own whose pages may use the API: https://console.example")
	bindLimits(f, &limits, &cfg.graph)
	cfg.options.HookMemoryBytes = 1 << 30
	f.Var((*sizeValue)(&cfg.options.HookMemoryBytes), "hook-memory", "the memory of all hooks' instances together; an agent group has half of it at most, or what one instance needs")
	allowPrivate, _ := strconv.ParseBool(os.Getenv("ENGINE_WEBHOOK_ALLOW_PRIVATE"))
	f.BoolVar(&cfg.options.WebhookAllowPrivate, "webhook-allow-private", allowPrivate, "let webhooks have private and loopback addresses (ENGINE_WEBHOOK_ALLOW_PRIVATE)")
	f.StringVar(&cfg.options.PublicURL, "public-url", "", "where receivers of replies reach the engine, for the addresses of files: https://engine.example")
	f.StringVar(&cfg.wakers, "wakers", "", "a JSON file that says which agent groups' containers the engine starts, and how; left out, it starts none. SIGHUP reads it again")
	bindRetention(f, &cfg.options)
	folders.bind(f)
	logs.bind(f)
	return c
}

func serve(c *cobra.Command, cfg serverConfig) (err error) {
	ctx, stop := interruptible(c.Context())
	defer stop()
	go giveBack(ctx, giveBackEvery)
	s, err := startServer(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		if serr := s.stop(); err == nil {
			err = serr
		}
	}()
	if cfg.wakers != "" {
		defer onHangUp(s.reloadWakers)()
	}
	out := c.OutOrStdout()
	fmt.Fprintln(out, "listening on", s.url)
	switch {
	case cfg.token != "":
		fmt.Fprintln(out, "the admin token is ENGINE_TOKEN")
	case s.tokenMade || isTerminal(out):
		fmt.Fprintln(out, "open", s.signInURL(), "(it signs in once)")
	default:
		// Not again: the output may be a log that others read.
		fmt.Fprintf(out, "the admin token is in %s; engine console prints an address that signs in\n", filepath.Join(cfg.data, tokenFile))
	}
	return s.wait(ctx)
}

// interruptible returns a context that ends with the first SIGINT or SIGTERM;
// the second ends the process.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
