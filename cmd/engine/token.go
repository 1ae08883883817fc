package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// tokenFile in the data directory is the one secret that is kept readable.
	tokenFile = "admin-token"
	// urlFile tells the other commands where the engine of a data directory
	// listens. It exists while the engine runs.
	urlFile = "engine.url"
)

// minToken is the least length of a token that somebody made up, in bytes.
const minToken = 16

// adminToken is the token of a data directory, made if there is none. Only
// the engine that holds the directory's lock may call it.
func adminToken(dataDir string) (token string, made bool, err error) {
	token, err = readToken(dataDir)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, false, err
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	token = base64.RawURLEncoding.EncodeToString(secret)
	if err := writeFile(dataDir, tokenFile, token+"\n"); err != nil {
		return "", false, fmt.Errorf("keep the admin token: %w", err)
	}
	return token, true, nil
}

// readToken reads a data directory's token. It refuses one that others can
// read: it is no secret any more.
func readToken(dataDir string) (string, error) {
	path := filepath.Join(dataDir, tokenFile)
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it, or remove it for a new one at the engine's next start", path, mode)
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return token, nil
}

func checkToken(token string) error {
	if len(token) < minToken {
		return fmt.Errorf("a token has at least %d characters, this one has %d", minToken, len(token))
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f {
			return errors.New("a token has no spaces, control characters or letters beyond ASCII")
		}
	}
	return nil
}

// writeFile replaces a file that only its owner may read, durably and whole:
// a crash leaves the old one, or none, or the new one.
func writeFile(dir, name, text string) (err error) {
	path, temporary := filepath.Join(dir, name), filepath.Join(dir, "."+name+".new")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
