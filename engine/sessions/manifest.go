package sessions

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	archivesName = "archives"
	// restoringSuffix is of a folder that is being made of an archive.
	restoringSuffix = ".restoring"
	manifestName    = "manifest.json"
	archivedPrefix  = "session/"
	manifestVersion = 1
	// maxManifest and maxPath are in bytes.
	maxManifest = 64 << 20
	maxPath     = 4096
)

// manifest is the last entry of an archive. It says what the others are.
type manifest struct {
	Version    int             `json:"version"`
	ArchivedAt time.Time       `json:"archivedAt"`
	Session    archivedSession `json:"session"`
	Entries    []archivedEntry `json:"entries"`
	// Skipped are paths of what was no file of its own: links, FIFOs, devices.
	Skipped []string `json:"skipped,omitempty"`
}

// archivedSession is a session's row in the registry.
type archivedSession struct {
	ID               string             `json:"id"`
	AgentGroupID     string             `json:"agentGroupId"`
	MessagingGroupID *string            `json:"messagingGroupId,omitempty"`
	ThreadID         *string            `json:"threadId,omitempty"`
	Mode             engine.SessionMode `json:"mode"`
	Labels           []string           `json:"labels"`
	CreatedAt        time.Time          `json:"createdAt"`
}

// archivedEntry is a directory, or a file with its SHA-256 in hex. Path is
// relative to the session's folder, which is ".".
type archivedEntry struct {
	Path   string `json:"path"`
	Mode   uint32 `json:"mode"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

func (e archivedEntry) isDir() bool { return e.SHA256 == "" }

func archivedSessionOf(s engine.Session) archivedSession {
	return archivedSession{ID: s.ID, AgentGroupID: s.AgentGroupID, MessagingGroupID: s.MessagingGroupID, ThreadID: s.ThreadID,
		Mode: s.Mode, Labels: s.Labels, CreatedAt: s.CreatedAt}
}

// session returns what the manifest says of the session, checked.
func (m *manifest) session(id string) (engine.Session, error) {
	a := m.Session
	switch {
	case m.Version != manifestVersion:
		return engine.Session{}, fmt.Errorf("its manifest has version %d; this engine knows %d", m.Version, manifestVersion)
	case a.ID != id:
		return engine.Session{}, fmt.Errorf("it is of the session %q", clip(a.ID))
	case !engine.SafeID(a.AgentGroupID), a.MessagingGroupID != nil && !engine.SafeID(*a.MessagingGroupID), a.ThreadID != nil && len(*a.ThreadID) > maxPath:
		return engine.Session{}, errors.New("its manifest names an agent group, a chat or a thread that cannot be")
	case a.Mode != engine.ModeShared && a.Mode != engine.ModePerThread && a.Mode != engine.ModeAgentShared:
		return engine.Session{}, fmt.Errorf("its manifest has the session mode %q", clip(string(a.Mode)))
	}
	return engine.Session{ID: a.ID, AgentGroupID: a.AgentGroupID, MessagingGroupID: a.MessagingGroupID, ThreadID: a.ThreadID, Mode: a.Mode,
		Labels: append([]string{}, a.Labels...), CreatedAt: a.CreatedAt, Status: engine.SessionClosed, ContainerStatus: engine.ContainerStopped}, nil
}

// archivedPath returns where in the folder an archive's entry belongs. What
// could lead anywhere else is refused.
func archivedPath(name string) (string, error) {
	name = strings.TrimSuffix(name, "/")
	if name+"/" == archivedPrefix {
		return ".", nil
	}
	path, ok := strings.CutPrefix(name, archivedPrefix)
	if !ok || !fs.ValidPath(path) || len(path) > maxPath || strings.ContainsRune(path, 0) || strings.Count(path, "/") >= maxTreeDepth {
		return "", fmt.Errorf("it has an entry %q, which is no path in a session's folder", clip(name))
	}
	return path, nil
}

func decodeManifest(b []byte) (*manifest, error) {
	m := &manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, errors.New("its manifest cannot be read")
	}
	return m, nil
}
