package graph

import (
	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/generated"
)

//go:generate go tool gqlgen generate

// newSchema returns the API over an engine, with the cost of each field. What
// a request's values take beyond their text is taken from the budget. Its
// executor is to use presentError, recoverPanic and maxComplexity.
func newSchema(e *engine.Engine, b *budget, s *streams) graphql.ExecutableSchema {
	return strictEnums{generated.NewExecutableSchema(generated.Config{
		Resolvers:  &resolver{engine: e, budget: b, streams: s},
		Complexity: complexity(),
	})}
}
