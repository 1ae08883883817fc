package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// seal proves that hooks decided on content (nil: on leaving it) for this very
// reply: the container can write to where the decision is kept.
func (e *Engine) seal(s Session, r Reply, content *string) []byte {
	h := hmac.New(sha256.New, e.replyKey)
	for _, field := range []*string{&s.ID, &r.ID, &r.Kind, r.Route.ChannelType, r.Route.PlatformID, r.Route.ThreadID, &r.Content, content} {
		sealField(h, field)
	}
	return h.Sum(nil)
}

func sealField(h hash.Hash, field *string) {
	length := uint64(0) // of nil
	if field != nil {
		length = uint64(len(*field)) + 1
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], length)
	h.Write(b[:])
	if field != nil {
		h.Write([]byte(*field))
	}
}

func (e *Engine) sealed(s Session, out Outgoing) bool {
	return out.Dispatch.Seal != nil && hmac.Equal(out.Dispatch.Seal, e.seal(s, out.Reply, out.Dispatch.Content))
}
