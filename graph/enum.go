package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// strictEnums is a schema that refuses enum values in variables that are not
// spelt exactly as it has them. The validator compares them without regard to
// case, and what it lets pass would be a filter that matches nothing.
type strictEnums struct{ graphql.ExecutableSchema }

// Exec carries out the context's operation, unless a variable is refused.
func (s strictEnums) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	for _, v := range op.Operation.VariableDefinitions {
		path := ast.Path{ast.PathName("variable"), ast.PathName(v.Variable)}
		if err := s.check(path, v.Type, op.Variables[v.Variable]); err != nil {
			errcode.Set(err, errcode.ValidationFailed)
			graphql.AddError(ctx, err)
			return graphql.OneShot(&graphql.Response{})
		}
	}
	return s.ExecutableSchema.Exec(ctx)
}

func (s strictEnums) check(path ast.Path, t *ast.Type, value any) *gqlerror.Error {
	if value == nil {
		return nil
	}
	if t.Elem != nil {
		for i, element := range graphql.CoerceList(value) {
			if err := s.check(append(path, ast.PathIndex(i)), t.Elem, element); err != nil {
				return err
			}
		}
		return nil
	}
	switch def := s.Schema().Types[t.NamedType]; def.Kind {
	case ast.Enum:
		name, ok := value.(string)
		if !ok || def.EnumValues.ForName(name) == nil {
			return gqlerror.ErrorPathf(path, "is not a value of %s", def.Name)
		}
	case ast.InputObject:
		object, _ := value.(map[string]any)
		for _, f := range def.Fields {
			if err := s.check(append(path, ast.PathName(f.Name)), f.Type, object[f.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}
