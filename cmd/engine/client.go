package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	defaultURL = "http://127.0.0.1:8080"
	// answerTime is how long an engine may think about a request that it has
	// got whole: far longer than a message may wait to be written.
	answerTime = 5 * time.Minute
)

// client talks to a running engine. Its methods may be called concurrently.
type client struct {
	base  *url.URL
	token string
	http  *http.Client
}

func newClient(base, token string) (*client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, failf(exitUsage, "%q is not the URL of an engine, such as %s", base, defaultURL)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTime
	return &client{base: u, token: token, http: &http.Client{
		Transport: transport,
		// A redirect would carry the token, or lose the request's body.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// problem is one thing that an answer complains of.
type problem struct {
	Code    string
	Message string
	Field   []string
}

// apiError is an answer that is not the one that was hoped for. It has at
// least one problem; the first decides the exit code.
type apiError struct{ problems []problem }

func (e *apiError) Error() string {
	lines := make([]string, len(e.problems))
	for i, p := range e.problems {
		lines[i] = p.Message
		if len(p.Field) > 0 {
			lines[i] = strings.Join(p.Field, ".") + ": " + lines[i]
		}
		if p.Code != "" {
			lines[i] += " (" + p.Code + ")"
		}
	}
	return strings.Join(lines, "\n")
}

// response is an answer over GraphQL.
type response struct {
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message    string `json:"message"`
		Path       []any  `json:"path"`
		Extensions struct {
			Code      string `json:"code"`
			RequestID string `json:"requestId"`
		} `json:"extensions"`
	} `json:"errors"`
}

func (r response) err() error {
	if len(r.Errors) == 0 {
		return nil
	}
	e := &apiError{}
	for _, g := range r.Errors {
		p := problem{Code: g.Extensions.Code, Message: g.Message}
		if g.Extensions.RequestID != "" {
			p.Message += ", request " + g.Extensions.RequestID
		}
		e.problems = append(e.problems, p)
	}
	return e
}

// post sends a document and returns the answer as it came, and what it
// complains of.
func (c *client) post(ctx context.Context, document string, variables any) (json.RawMessage, response, error) {
	request, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return nil, response{}, fmt.Errorf("encode the variables: %w", err)
	}
	res, err := c.send(ctx, http.MethodPost, "/graphql", "application/json", bytes.NewReader(request))
	if err != nil {
		return nil, response{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, response{}, failf(exitUnavailable, "the engine's answer broke off: %w", err)
	}
	var r response
	if err := json.Unmarshal(body, &r); err != nil || (r.Data == nil && r.Errors == nil) {
		return nil, response{}, statusError(res)
	}
	return body, r, r.err()
}

// query sends a document and returns its data.
func (c *client) query(ctx context.Context, document string, variables any) (json.RawMessage, error) {
	_, r, err := c.post(ctx, document, variables)
	return r.Data, err
}

// send makes a request with the token. path is relative to the engine's URL.
func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	target, err := c.base.Parse(strings.TrimSuffix(c.base.Path, "/") + "/" + strings.TrimPrefix(path, "/"))
	if err != nil || target.Host != c.base.Host {
		return nil, fmt.Errorf("%q is not a path on the engine", path)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, failf(exitUnavailable, "no engine answers: %w", err)
	}
	return res, nil
}

// statusError is what an answer that is not GraphQL means.
func statusError(res *http.Response) error {
	p := problem{Message: "the engine answered " + res.Status}
	switch res.StatusCode {
	case http.StatusUnauthorized:
		p.Code = "UNAUTHENTICATED"
	case http.StatusForbidden:
		p.Code = "FORBIDDEN"
	case http.StatusNotFound:
		p.Code = "NOT_FOUND"
	case http.StatusRequestEntityTooLarge:
		p.Code = "LIMIT_EXCEEDED"
	case http.StatusTooManyRequests:
		p.Code = "RATE_LIMITED"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusInsufficientStorage:
		p.Code = "UNAVAILABLE"
	}
	return &apiError{problems: []problem{p}}
}

// upload streams a file to the engine and returns the id to attach it by.
func (c *client) upload(ctx context.Context, r io.Reader) (string, error) {
	res, err := c.send(ctx, http.MethodPost, "/uploads", "application/octet-stream", r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		response
		UploadID string `json:"uploadId"`
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	switch {
	case err == nil && answer.err() != nil:
		return "", answer.err()
	case err != nil || answer.UploadID == "":
		return "", statusError(res)
	}
	return answer.UploadID, nil
}

// remote is what the flags say about the engine to talk to.
type remote struct {
	url, data, output string
}

func (r *remote) bind(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&r.url, "url", os.Getenv("ENGINE_URL"), "the engine's URL (default $ENGINE_URL, else the one that runs on --data, else "+defaultURL+")")
	f.StringVar(&r.data, "data", defaultData(), "the data directory, for its admin-token where ENGINE_TOKEN is not set")
	f.StringVarP(&r.output, "output", "o", "table", "table, json or ndjson")
	must(c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "ndjson"}, cobra.ShellCompDirectiveNoFileComp)))
}

// client connects nothing yet; it finds out where the engine is and the token.
func (r *remote) client() (*client, error) {
	base := r.url
	if base == "" {
		base = defaultURL
		if b, err := os.ReadFile(filepath.Join(r.data, urlFile)); err == nil {
			base = strings.TrimSpace(string(b))
		}
	}
	token := os.Getenv("ENGINE_TOKEN")
	if token == "" {
		var err error
		if token, err = readToken(r.data); err != nil {
			return nil, &exitError{code: exitUnauthorized, err: fmt.Errorf("no token: set ENGINE_TOKEN, or --data to the engine's data directory: %w", err)}
		}
	}
	return newClient(base, token)
}

func defaultData() string {
	if dir := os.Getenv("ENGINE_DATA"); dir != "" {
		return dir
	}
	return "twinbox-data"
}
