package graph

import (
	"context"
	"maps"
	"strings"

	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

const (
	// maxDocumentBytes bounds the text: of a block string the parser makes a
	// dozen copies. Large values belong into variables.
	maxDocumentBytes = 1 << 20
	// maxTokens bounds what the parser reads: one token costs some hundred bytes.
	maxTokens = 15_000
	// What is larger is neither cached nor helped with "did you mean", which
	// costs the product of a name's length and the schema's.
	smallDocument = 4 << 10
	// cachedDocuments of smallDocument bytes hold some 150 MB at the very worst.
	cachedDocuments = 256
	// Of a document that is wrong all over, and of one error.
	maxDocumentErrors = 10
	maxMessageBytes   = 1 << 10
)

// documents parses and checks documents, and keeps small ones that were valid.
type documents struct {
	schema *ast.Schema
	cache  *lru.LRU[*ast.QueryDocument]
}

func newDocuments(schema *ast.Schema) *documents {
	// Every schema has @defer, but an answer here is one piece: what was
	// deferred would be lost.
	whole := *schema
	whole.Directives = maps.Clone(schema.Directives)
	delete(whole.Directives, "defer")
	return &documents{schema: &whole, cache: lru.New[*ast.QueryDocument](cachedDocuments)}
}

// parse returns the document of a query, to be read only. Its size is checked
// before its validity, because some of the rules of validity take time
// quadratic in it.
func (d *documents) parse(ctx context.Context, query string) (*ast.QueryDocument, gqlerror.List) {
	if doc, ok := d.cache.Get(ctx, query); ok {
		return doc, nil
	}
	if len(query) > maxDocumentBytes {
		err := gqlerror.Errorf("the document has %d bytes, more than the %d that are allowed; send large values as variables", len(query), maxDocumentBytes)
		return nil, documentErrors(gqlerror.List{err}, codeLimitExceeded)
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, maxTokens)
	if err != nil {
		return nil, documentErrors(gqlerror.List{gqlerror.WrapIfUnwrapped(err)}, errcode.ParseFailed)
	}
	if len(doc.Operations) == 0 {
		return nil, documentErrors(gqlerror.List{gqlerror.Errorf("the document has no operation")}, errcode.ValidationFailed)
	}
	if err := checkSize(doc); err != nil {
		return nil, documentErrors(gqlerror.List{err}, codeLimitExceeded)
	}
	small := len(query) <= smallDocument
	if errs := validator.ValidateWithRules(d.schema, doc, documentRules(small)); len(errs) > 0 {
		return nil, documentErrors(errs, errcode.ValidationFailed)
	}
	if small {
		d.cache.Add(ctx, query, doc)
	}
	return doc, nil
}

// operation picks the operation that a request names.
func operation(doc *ast.QueryDocument, name string) (*ast.OperationDefinition, *gqlerror.Error) {
	if op := doc.Operations.ForName(name); op != nil {
		return op, nil
	}
	err := gqlerror.Errorf("the document has several operations; say which one in operationName")
	if name != "" {
		err = gqlerror.Errorf("the document has no operation of the name in operationName")
	}
	errcode.Set(err, errcode.ValidationFailed)
	return nil, err
}

func documentRules(suggest bool) *rules.Rules {
	r := rules.NewDefaultRules()
	if suggest {
		return r
	}
	for _, rule := range []validator.Rule{
		rules.FieldsOnCorrectTypeRuleWithoutSuggestions, rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRuleWithoutSuggestions, rules.ScalarLeafsRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		r.RemoveRule(strings.TrimSuffix(rule.Name, "WithoutSuggestions"))
		r.AddRule(rule.Name, rule.RuleFunc)
	}
	return r
}

// documentErrors keeps an answer in proportion to its document: messages
// repeat names and values, and one document can be wrong in a thousand places.
func documentErrors(errs gqlerror.List, code string) gqlerror.List {
	if len(errs) > maxDocumentErrors {
		more := len(errs) - maxDocumentErrors
		errs = append(errs[:maxDocumentErrors:maxDocumentErrors], gqlerror.Errorf("and %d more errors", more))
	}
	for _, e := range errs {
		if len(e.Message) > maxMessageBytes {
			e.Message = strings.ToValidUTF8(e.Message[:maxMessageBytes], "") + "..."
		}
		if codeOf(e) == "" {
			errcode.Set(e, code)
		}
	}
	return errs
}
