package graph

import (
	"net/url"
	"strings"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

const filesPrefix = "/files/"

// attachmentURL is where a file of a session's folder is downloaded from,
// relative to the engine. path is that of an engine.Attachment.
func attachmentURL(sessionID, path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return filesPrefix + sessionID + "/" + strings.Join(parts, "/")
}

// parseAttachmentURL takes the escaped path of a request apart and reports
// whether attachmentURL could have made it. Whether there is such a file, and
// whether it may be read, is not its business.
func parseAttachmentURL(escapedPath string) (sessionID, path string, ok bool) {
	rest, ok := strings.CutPrefix(escapedPath, filesPrefix)
	if !ok {
		return "", "", false
	}
	sessionID, rest, _ = strings.Cut(rest, "/")
	if !engine.SafeID(sessionID) {
		return "", "", false
	}
	parts := strings.Split(rest, "/")
	for i, part := range parts {
		name, err := url.PathUnescape(part)
		if err != nil || name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return "", "", false
		}
		parts[i] = name
	}
	return sessionID, strings.Join(parts, "/"), true
}

// attachments are files of a session as the API shows them; never nil, which
// would be written as null.
func attachments(sessionID string, files []engine.Attachment) []model.Attachment {
	list := make([]model.Attachment, len(files))
	for i, f := range files {
		list[i] = model.Attachment{Attachment: f, URL: attachmentURL(sessionID, f.Path)}
	}
	return list
}
