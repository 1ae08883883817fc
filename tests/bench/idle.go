package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/lru"
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

// serveIdle serves gqlgen with idleResolvers until the process is killed.
func serveIdle() error {
	gql := executor.New(generated.NewExecutableSchema(generated.Config{Resolvers: idleResolvers{}}))
	gql.SetQueryCache(lru.New[*ast.QueryDocument](100))
	answer := func(w http.ResponseWriter, r *http.Request) {
		ctx := graphql.StartOperationTrace(r.Context())
		var params graphql.RawParams
		if err := json.NewDecoder(r.Body).Decode(&params); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		op, errs := gql.CreateOperationContext(ctx, &params)
		if errs != nil {
			http.Error(w, errs.Error(), http.StatusBadRequest)
			return
		}
		next, ctx := gql.DispatchOperation(ctx, op)
		w.Header().Set("Content-Type", "application/json")
		// A client that has gone shows in its own figures.
		_ = json.NewEncoder(w).Encode(next(ctx))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	return (&http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Minute}).Serve(l)
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
