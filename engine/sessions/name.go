package sessions

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine"
)

// maxFileName is what file systems take, in bytes.
const maxFileName = 255

// inboxFolder is the name of a message's folder in the inbox: its id where
// that is a safe path component, else what is readable of it and a hash.
// Chat platforms do send ids with "/", ":" and "..".
func inboxFolder(messageID string) string {
	if engine.SafeID(messageID) {
		return messageID
	}
	slug := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && engine.SafeID("x"+string(r)) {
			return r
		}
		return '-'
	}, messageID)
	slug = strings.Trim(slug[:min(len(slug), 64)], "-.")
	if slug == "" {
		slug = "message"
	}
	sum := sha256.Sum256([]byte(messageID))
	return slug + "-" + hex.EncodeToString(sum[:8])
}

// safeFileName reports whether an attachment may keep its name (protocol:
// "Content").
func safeFileName(name string) bool {
	return name != "" && len(name) <= maxFileName && name[0] != '.' && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) })
}

// fileName is the name for an attachment: its own where that is safe, else one
// made of its MIME type or its type, with the right extension.
func fileName(element map[string]any) string {
	if name, ok := element["name"].(string); ok && safeFileName(name) {
		return name
	}
	kind, _ := element["type"].(string)
	mimeType, _ := element["mimeType"].(string)
	base := "attachment"
	if engine.SafeID(kind) && len(kind) <= 32 {
		base = kind
	}
	if mediaType, _, err := mime.ParseMediaType(mimeType); err == nil {
		if ext, ok := extensions[mediaType]; ok {
			if base == "attachment" {
				if major, _, _ := strings.Cut(mediaType, "/"); engine.SafeID(major) && major != "application" {
					base = major
				}
			}
			return base + ext
		}
	}
	if ext, ok := typeExtensions[kind]; ok {
		return base + ext
	}
	return base + ".bin"
}

// numbered returns name with a suffix before its extension; n starts at 2.
func numbered(name string, n int) string {
	ext := path.Ext(name)
	base, suffix := strings.TrimSuffix(name, ext), "-"+strconv.Itoa(n)
	if base == "" || len(ext) > 32 {
		base, ext = name, ""
	}
	for len(base)+len(suffix)+len(ext) > maxFileName {
		_, size := utf8.DecodeLastRuneInString(base)
		base = base[:len(base)-size]
	}
	return base + suffix + ext
}

// Not package mime's table: that differs between machines.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg",
	"image/heic": ".heic", "image/avif": ".avif", "image/bmp": ".bmp", "image/tiff": ".tiff",
	"audio/ogg": ".ogg", "audio/opus": ".opus", "audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/wav": ".wav",
	"audio/x-wav": ".wav", "audio/webm": ".weba", "audio/flac": ".flac", "audio/aac": ".aac",
	"video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov", "video/mpeg": ".mpeg",
	"text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "text/markdown": ".md", "text/calendar": ".ics",
	"text/vcard": ".vcf", "text/css": ".css", "text/javascript": ".js",
	"application/pdf": ".pdf", "application/json": ".json", "application/xml": ".xml", "application/zip": ".zip",
	"application/gzip": ".gz", "application/x-tar": ".tar", "application/rtf": ".rtf", "application/msword": ".doc",
	"application/vnd.ms-excel": ".xls", "application/vnd.ms-powerpoint": ".ppt",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
	"application/vnd.oasis.opendocument.text":                                   ".odt",
}

var typeExtensions = map[string]string{
	"photo": ".jpg", "image": ".jpg", "voice": ".ogg", "audio": ".mp3", "video": ".mp4", "video_note": ".mp4",
	"animation": ".mp4", "sticker": ".webp",
}
