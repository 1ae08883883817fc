package sessions

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
)

var errBase64 = errors.New("not base64: only the standard or the URL alphabet, with or without padding and line breaks")

// decodeBase64 writes what data holds to w, without holding it decoded. The
// standard and the URL alphabet are taken, but not mixed; padding and line
// breaks may be there or not; anything else is errBase64.
func decodeBase64(w io.Writer, data string) error {
	end := strings.TrimRight(data, "\r\n")
	unpadded := strings.TrimRight(strings.TrimRight(end, "="), "\r\n")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(data, "-_") {
		encoding = base64.RawURLEncoding
	}
	if padding := strings.Count(end[len(unpadded):], "="); padding > 0 {
		symbols := len(unpadded) - strings.Count(unpadded, "\n") - strings.Count(unpadded, "\r")
		if padding > 2 || (symbols+padding)%4 != 0 {
			return errBase64
		}
	}
	// The decoder skips line breaks by itself.
	_, err := io.Copy(w, base64.NewDecoder(encoding.Strict(), strings.NewReader(unpadded)))
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok || errors.Is(err, io.ErrUnexpectedEOF) {
		return errBase64
	}
	return err
}

// decodedSize is how many bytes data stands for, at most.
func decodedSize(data string) int64 { return int64(base64.RawStdEncoding.DecodedLen(len(data))) }
