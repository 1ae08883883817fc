package engineproc

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// Client speaks GraphQL to a server. It may be used concurrently.
type Client struct {
	URL, Token string // URL is without "/graphql"
	http       http.Client
}

// NewClient makes a client that keeps its connections for the next query.
func NewClient(url, token string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &Client{URL: url, Token: token, http: http.Client{Transport: transport}}
}

// Query runs a GraphQL document and decodes the answer's data into out, which
// may be nil. GraphQL errors are errors; user errors are the caller's to read.
func (c *Client) Query(ctx context.Context, document string, variables, out any) error {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.Token)
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Extensions struct{ Code string } }
	}
	if err := json.Unmarshal(text, &answer); err != nil || res.StatusCode != http.StatusOK || len(answer.Errors) > 0 {
		refused := &Refusal{Answer: res.Status + ": " + string(text)}
		for _, e := range answer.Errors {
			refused.Codes = append(refused.Codes, e.Extensions.Code)
		}
		return refused
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, out)
}

// Refusal is a query that the server answered with errors.
type Refusal struct {
	Codes  []string // of the errors
	Answer string   // the whole of it
}

func (r *Refusal) Error() string { return r.Answer }

// CloseIdle closes the connections that wait for the next query.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }
