package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func newConsoleCommand() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{Use: "console", Short: "Print an address that opens the web console, signed in", Args: cobra.NoArgs,
		Long: `Print an address of a running engine's web console that signs a browser in: once,
and within 15 minutes. Until then it is as secret as the admin token.`,
		Example: `  engine console
  xdg-open "$(engine console)"
  engine console --url https://engine.example   # with ENGINE_TOKEN: through the proxy before it`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			s, err := cl.signIn(c)
			if err != nil {
				return err
			}
			if r.output == "table" {
				_, err := fmt.Fprintln(c.OutOrStdout(), s.URL)
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(s)
		}}
	r.bind(c)
	return c
}

// signInAddress opens the console once.
type signInAddress struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func (cl *client) signIn(c *cobra.Command) (signInAddress, error) {
	res, err := cl.send(c.Context(), http.MethodPost, "/sign-in/codes", "", nil)
	if err != nil {
		return signInAddress{}, err
	}
	defer res.Body.Close()
	var answer struct {
		response
		Code      string
		ExpiresAt time.Time
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	switch {
	case err == nil && answer.err() != nil:
		return signInAddress{}, answer.err()
	case err != nil || answer.Code == "":
		return signInAddress{}, statusError(res)
	}
	at := cl.base.JoinPath("/")
	at.Fragment = "code=" + answer.Code
	return signInAddress{at.String(), answer.ExpiresAt}, nil
}
