package engine

import (
	"cmp"
	"time"
)

// Sizes of texts, in bytes.
const (
	maxNameBytes        = 512
	maxChannelTypeBytes = 128
	maxPlatformIDBytes  = 1024
	maxThreadIDBytes    = 1024
	maxMessageIDBytes   = 512
	maxKindBytes        = 64
	maxCronBytes        = 256
	maxBatch            = 100 // messages
	maxAttachments      = 256 // of one message
)

// Limits are the sizes that an operator can change; see DefaultLimits.
type Limits struct {
	// ContentBytes bounds a message's stored content, without its attachments.
	ContentBytes int64
	// AttachmentBytes bounds one attachment that comes as base64.
	AttachmentBytes int64
	// UploadBytes bounds one uploaded file.
	UploadBytes int64
	// SessionBytes bounds what one session's messages and attachments add up to.
	SessionBytes int64
	// UploadAge is how long an upload waits for its message.
	UploadAge time.Duration
	// QueueLength bounds the messages that wait for one session.
	QueueLength int
	// QueueTime bounds how long a message waits to be written.
	QueueTime time.Duration
	// HookTime bounds what the hooks of one operation may take together: all
	// that are called for one message and its attachments, or for a batch's
	// messages of one session. What runs when it is over ends first.
	HookTime time.Duration
	// PageBytes is the content after which a page ends early.
	PageBytes int64
	// SpentAge is how long context and system messages that the container left
	// unread stay in its way, once it has dealt with a later message.
	SpentAge time.Duration
}

// DefaultLimits are what "engine serve" starts with.
func DefaultLimits() Limits {
	return Limits{
		ContentBytes:    10 << 20,
		AttachmentBytes: 25 << 20,
		UploadBytes:     1 << 30,
		SessionBytes:    16 << 30,
		UploadAge:       time.Hour,
		QueueLength:     1024,
		QueueTime:       10 * time.Second,
		HookTime:        30 * time.Second,
		PageBytes:       4 << 20,
		SpentAge:        10 * time.Minute,
	}
}

// OrDefaults returns l with DefaultLimits in place of what is zero.
func (l Limits) OrDefaults() Limits {
	d := DefaultLimits()
	return Limits{
		ContentBytes:    cmp.Or(l.ContentBytes, d.ContentBytes),
		AttachmentBytes: cmp.Or(l.AttachmentBytes, d.AttachmentBytes),
		UploadBytes:     cmp.Or(l.UploadBytes, d.UploadBytes),
		SessionBytes:    cmp.Or(l.SessionBytes, d.SessionBytes),
		UploadAge:       cmp.Or(l.UploadAge, d.UploadAge),
		QueueLength:     cmp.Or(l.QueueLength, d.QueueLength),
		QueueTime:       cmp.Or(l.QueueTime, d.QueueTime),
		HookTime:        cmp.Or(l.HookTime, d.HookTime),
		PageBytes:       cmp.Or(l.PageBytes, d.PageBytes),
		SpentAge:        cmp.Or(l.SpentAge, d.SpentAge),
	}
}
