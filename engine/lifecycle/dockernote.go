package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// note is what is kept, in a file, of a session's container for as long as it
// may run: it is found even if the configuration names another command line
// by then, or the data directory has moved.
type note struct {
	Program string `json:"program"`
	Data    string `json:"data"`
	// Start tells this note from those of other starts of the session.
	Start string `json:"start"`
}

const (
	noteFile = ".container"
	envFile  = ".env"
)

func (c *container) file(kind string) string {
	return filepath.Join(c.wakers.data, "run", c.session+kind)
}

// write notes that the session has a container, before it may.
func (c *container) write() error {
	text, err := json.Marshal(c.note)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.file(".new"), text, 0o600); err != nil {
		return err
	}
	return os.Rename(c.file(".new"), c.file(noteFile))
}

// forget removes the note, unless it is another engine's by now.
func (c *container) forget() error {
	n, err := c.wakers.readNote(c.session)
	if n == nil || err != nil || *n != c.note {
		return err
	}
	if err := os.Remove(c.file(noteFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readNote returns the note on a session's container; nil if there is none.
func (w *Wakers) readNote(sessionID string) (*note, error) {
	path := filepath.Join(w.data, "run", sessionID+noteFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	n := &note{}
	if err == nil {
		err = json.Unmarshal(text, n)
	}
	if err != nil {
		return nil, fmt.Errorf("read the note on a container: %w", err)
	}
	return n, nil
}
