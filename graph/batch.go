package graph

import (
	"context"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

// writeMessages writes those inputs that can be translated, and answers all
// of them in the order given.
func (r *resolver) writeMessages(ctx context.Context, inputs []model.WriteMessageInput) ([]engine.WriteResult, error) {
	results := make([]engine.WriteResult, len(inputs))
	good := make([]engine.WriteMessageInput, 0, len(inputs))
	places := make([]int, 0, len(inputs))
	for i, input := range inputs {
		in, err := writeMessageInput(input)
		if err != nil {
			results[i].Err = err
			continue
		}
		good, places = append(good, in), append(places, i)
	}
	written, err := r.engine.WriteMessages(ctx, good)
	if err != nil {
		return nil, err
	}
	for i, result := range written {
		results[places[i]] = result
	}
	return results, nil
}

// batchResults translates the results of a batch. One that failed for a
// reason of the engine's own is null, and an error tells of it at its place.
func batchResults(ctx context.Context, results []engine.WriteResult) []*model.WriteMessagePayload {
	payloads := make([]*model.WriteMessagePayload, len(results))
	for i, result := range results {
		var err error
		if payloads[i], err = writeMessagePayload(result, "messages", strconv.Itoa(i)); err != nil {
			addResultError(ctx, i, err)
		}
	}
	return payloads
}

// addResultError adds an error at the place of a result, under each name by
// which the request asks for the results.
func addResultError(ctx context.Context, index int, err error) {
	for _, field := range graphql.CollectFieldsCtx(ctx, nil) {
		if field.Name == "results" {
			path := append(graphql.GetPath(ctx), ast.PathName(field.Alias), ast.PathIndex(index))
			graphql.AddError(ctx, gqlerror.WrapPath(path, err))
		}
	}
}
