package graph

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const (
	mediaText     = "text/plain; charset=utf-8"
	mediaJSON     = "application/json; charset=utf-8"
	mediaResponse = "application/graphql-response+json; charset=utf-8"
	mediaEvents   = "text/event-stream; charset=utf-8"
)

// responseMedia picks the media type of a GraphQL response by the Accept
// header, as the GraphQL over HTTP specification says; "" if none is accepted.
func responseMedia(accept string) string {
	switch accept {
	case "", "*/*", "application/json":
		return mediaJSON
	case "application/graphql-response+json":
		return mediaResponse
	}
	best, bestQuality := "", 0.0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		media := ""
		switch name {
		case "application/graphql-response+json":
			media = mediaResponse
		case "application/json", "application/*", "*/*":
			media = mediaJSON
		}
		if media != "" && quality > bestQuality {
			best, bestQuality = media, quality
		}
	}
	return best
}

// takesEvents reports whether a client asks for a stream by name.
func takesEvents(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		if name, params, err := mime.ParseMediaType(part); err == nil && name == "text/event-stream" && params["q"] != "0" {
			return true
		}
	}
	return false
}

// jsonBody reports whether a request says that its body is plain JSON in
// UTF-8. Forms and text do not pass: a page elsewhere could send those.
func jsonBody(header http.Header) bool {
	if header.Get("Content-Encoding") != "" {
		return false
	}
	contentType := header.Get("Content-Type")
	if contentType == "application/json" {
		return true
	}
	name, params, err := mime.ParseMediaType(contentType)
	if err != nil || name != "application/json" {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}
