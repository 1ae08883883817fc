package graph

import (
	"crypto/sha256"
	"crypto/subtle"
	"hash/maphash"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// maxTokenBytes bounds what is hashed for a caller that is not known yet.
	maxTokenBytes = 512
	// Wrong tokens that one address may send in a window before it is told to wait.
	maxFailures   = 10
	failureWindow = time.Minute
	failureSlots  = 1024
)

// authenticator knows the admin token by its hash.
type authenticator struct {
	token    [sha256.Size]byte
	failures failures
}

func newAuthenticator(token string) *authenticator {
	return &authenticator{token: sha256.Sum256([]byte(token)), failures: failures{seed: maphash.MakeSeed()}}
}

// allows reports whether the Authorization header carries the token. It takes
// as long for a near miss as for a far one.
func (a *authenticator) allows(header string) bool {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > maxTokenBytes {
		return false
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], a.token[:]) == 1
}

// failures counts wrong tokens by remote address, in a table of fixed size:
// addresses that fall into one slot share its count. Only answers to wrong
// tokens depend on it, so nobody can lock out the right one.
type failures struct {
	seed  maphash.Seed
	mu    sync.Mutex // guards slots
	slots [failureSlots]struct {
		window int64
		count  int
	}
}

// note counts a failure and returns how many there were in this window.
func (f *failures) note(remote string, now time.Time) int {
	slot := maphash.Comparable(f.seed, network(remote)) % failureSlots
	window := now.UnixNano() / int64(failureWindow)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.slots[slot]
	if s.window != window {
		s.window, s.count = window, 0
	}
	s.count++
	return s.count
}

// network is what a remote address is counted by: of IPv6, the /64 that one
// caller usually has to itself.
func network(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits)
	return p
}
