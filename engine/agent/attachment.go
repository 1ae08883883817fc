package agent

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// attachment is a file of a message, as the command is told of it.
type attachment struct {
	Name     string `json:"name"`
	Path     string `json:"path"` // absolute
	MimeType string `json:"mimeType,omitempty"`
	Type     string `json:"type,omitempty"`
}

// attachmentsOf returns the files that a content names and that are regular
// files of the inbox, reached through no link. Others are left out: the
// command may show a file to whoever wrote the message.
func (a *agent) attachmentsOf(m message) []attachment {
	var elements []json.RawMessage
	if json.Unmarshal(m.object()["attachments"], &elements) != nil {
		return nil
	}
	var files []attachment
	for _, raw := range elements {
		var e struct{ Name, LocalPath, MimeType, Type any }
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		local, _ := e.LocalPath.(string)
		if local == "" {
			continue
		}
		if !a.inInbox(local) {
			a.Log.Warn("an attachment is left out: it is not a file of the inbox", "message", m.id, "path", local)
			continue
		}
		f := attachment{Path: filepath.Join(a.dir, local)}
		f.Name, _ = e.Name.(string)
		if f.Name == "" {
			f.Name = filepath.Base(local)
		}
		f.MimeType, _ = e.MimeType.(string)
		f.Type, _ = e.Type.(string)
		files = append(files, f)
	}
	return files
}

func (a *agent) inInbox(local string) bool {
	parts := strings.Split(local, "/")
	if len(parts) != 3 || parts[0] != inboxName || !safeName(parts[1]) || !safeName(parts[2]) {
		return false
	}
	for i := range parts {
		st, err := a.root.Lstat(filepath.Join(parts[:i+1]...))
		if err != nil || (i < 2 && !st.IsDir()) || (i == 2 && !st.Mode().IsRegular()) {
			return false
		}
	}
	return true
}

// safeName reports whether a file may bear a name (protocol: "Content").
func safeName(name string) bool {
	return name != "" && len(name) <= 255 && name[0] != '.' && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f })
}
