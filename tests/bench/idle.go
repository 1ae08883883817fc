package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/generated"
)

// idleResolvers answer session(id) with nothing looked up: the floor for a
// query over HTTP. The benchmark asks for no field that they lack.
type idleResolvers struct{ generated.ResolverRoot }

type idleQuery struct{ generated.QueryResolver }

func (idleResolvers) Query() generated.QueryResolver { return idleQuery{} }

func (idleResolvers) Session() generated.SessionResolver { return nil }

func (idleQuery) Session(_ context.Context, id string) (*engine.Session, error) {
	return &engine.Session{ID: id, ContainerStatus: engine.ContainerStopped}, nil
}

// serveIdle serves stock gqlgen with idleResolvers until the process is killed.
func serveIdle() error {
	server := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: idleResolvers{}}))
	server.AddTransport(transport.POST{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](100))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	return (&http.Server{Handler: server, ReadHeaderTimeout: time.Minute}).Serve(l)
}

// startIdle runs serveIdle in a process of its own, as the others have.
func startIdle(ctx context.Context) (address string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	line, stop, err := startServer(exec.CommandContext(ctx, self, "-serve-idle"), "listening on")
	return strings.TrimPrefix(line, "listening on "), stop, err
}
