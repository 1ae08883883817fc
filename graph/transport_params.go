package graph

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// params are the parameters of a GraphQL request.
type params struct {
	query, operationName  string
	variables, extensions map[string]any
}

func faultParams(format string, args ...any) *fault {
	return &fault{http.StatusBadRequest, codeBadRequest, fmt.Sprintf(format, args...)}
}

// faultJSON says what was wrong without repeating any of it.
func faultJSON(what string, err error) *fault {
	if errors.Is(err, errJSONLarge) {
		return &fault{http.StatusBadRequest, codeLimitExceeded, fmt.Sprintf("%s has more than %d values, or nests more than %d deep", what, maxJSONValues, maxJSONDepth)}
	}
	return faultParams("%s is not valid JSON in UTF-8", what)
}

// bodyParams reads the parameters from the body of a POST.
func bodyParams(body []byte) (p params, f *fault) {
	v, err := parseJSON(body)
	if err != nil {
		return p, faultJSON("the body", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		if _, list := v.([]any); list {
			return p, faultParams("batches are not supported: send one request at a time, as a JSON object")
		}
		return p, faultParams("the body is not a JSON object")
	}
	return objectParams(m)
}

// objectParams reads the parameters from a JSON object.
func objectParams(m map[string]any) (p params, f *fault) {
	var ok bool
	if p.query, ok = m["query"].(string); !ok || p.query == "" {
		return p, faultParams("query must be a string with a GraphQL document")
	}
	if p.operationName, ok = m["operationName"].(string); !ok && m["operationName"] != nil {
		return p, faultParams("operationName must be a string")
	}
	if p.variables, ok = m["variables"].(map[string]any); !ok && m["variables"] != nil {
		return p, faultParams("variables must be an object")
	}
	if p.extensions, ok = m["extensions"].(map[string]any); !ok && m["extensions"] != nil {
		return p, faultParams("extensions must be an object")
	}
	return p, nil
}

// urlParams reads the parameters from the query of a GET.
func urlParams(rawQuery string) (p params, f *fault) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return p, faultParams("the URL's query is malformed")
	}
	if p.query = values.Get("query"); p.query == "" {
		return p, faultParams("query must be a GraphQL document")
	}
	p.operationName = values.Get("operationName")
	for name, m := range map[string]*map[string]any{"variables": &p.variables, "extensions": &p.extensions} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		v, err := parseJSON([]byte(text))
		if err != nil {
			return p, faultJSON(name, err)
		}
		ok := v == nil
		if !ok {
			*m, ok = v.(map[string]any)
		}
		if !ok {
			return p, faultParams("%s must be an object", name)
		}
	}
	return p, nil
}
