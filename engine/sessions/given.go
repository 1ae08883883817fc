package sessions

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// givenKey encrypts what senders of series gave. It lies in their mailboxes,
// where containers read, and a hook may have taken a secret out of what they
// are to see. The key is in the data directory, where no container is.
type givenKey struct {
	mu   sync.Mutex // guards aead
	aead cipher.AEAD
}

const givenKeyName = "series.key"

func (k *givenKey) cipher(s *Store) (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.aead != nil {
		return k.aead, nil
	}
	key, err := s.readGivenKey()
	if err != nil {
		return nil, fault("the key of recurring messages", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCMWithRandomNonce(block)
	return k.aead, err
}

// readGivenKey makes the key if there is none.
func (s *Store) readGivenKey() ([]byte, error) {
	key := make([]byte, 32)
	f, err := s.data.open(givenKeyName, unix.O_RDONLY, 0)
	if err == nil {
		defer f.Close()
		_, err = io.ReadFull(f, key)
		return key, err
	}
	if !errors.Is(err, unix.ENOENT) {
		return nil, err
	}
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	// Under its name it is whole: a crash in between leaves none.
	if err := s.data.remove(givenKeyName + newSuffix); err != nil {
		return nil, err
	}
	if f, err = s.data.open(givenKeyName+newSuffix, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	if err == nil {
		err = syncData(int(f.Fd()))
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.data.rename(givenKeyName+newSuffix, givenKeyName)
	}
	if err == nil {
		err = s.data.sync()
	}
	return key, err
}

func (k *givenKey) seal(s *Store, sess engine.Session, seriesID, content string) ([]byte, error) {
	aead, err := k.cipher(s)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(content), givenFor(sess, seriesID)), nil
}

// open returns what the sender of r's series gave, unless somebody changed it.
func (k *givenKey) open(s *Store, sess engine.Session, r *run) (string, bool) {
	aead, err := k.cipher(s)
	if err != nil {
		return "", false
	}
	id := r.ID
	if r.SeriesID != nil {
		id = *r.SeriesID
	}
	content, err := aead.Open(nil, nil, r.given, givenFor(sess, id))
	return string(content), err == nil
}

func givenFor(sess engine.Session, seriesID string) []byte {
	return fmt.Appendf(nil, "%s %s", sess.ID, seriesID)
}
