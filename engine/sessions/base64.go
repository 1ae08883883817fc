package sessions

import (
	"bufio"
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
	unpadded := strings.TrimRight(data, "=\r\n")
	encoding := base64.RawStdEncoding
	if has(data, '-') || has(data, '_') {
		encoding = base64.RawURLEncoding
	}
	if padding := strings.Count(data[len(unpadded):], "="); padding > 0 {
		if padding > 2 || (symbols(unpadded)+padding)%4 != 0 {
			return errBase64
		}
	}
	err := decodeChunks(w, encoding.Strict(), unpadded)
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok || errors.Is(err, io.ErrUnexpectedEOF) {
		return errBase64
	}
	return err
}

// decodeChunks decodes large pieces at a time where there are no line breaks
// to be skipped; the stream decoder of the standard library, which skips them,
// takes several times as long.
func decodeChunks(w io.Writer, encoding *base64.Encoding, data string) error {
	if has(data, '\n') || has(data, '\r') {
		buffered := bufio.NewWriterSize(w, 256<<10)
		_, err := io.Copy(buffered, base64.NewDecoder(encoding, strings.NewReader(data)))
		return errors.Join(err, buffered.Flush())
	}
	const piece = 256 << 10 // a multiple of the 4 symbols that stand for 3 bytes
	in := make([]byte, min(piece, len(data)))
	out := make([]byte, encoding.DecodedLen(len(in)))
	for len(data) > 0 {
		n := copy(in, data)
		data = data[n:]
		m, err := encoding.Decode(out, in[:n])
		if err != nil {
			return err
		}
		if _, err := w.Write(out[:m]); err != nil {
			return err
		}
	}
	return nil
}

// has is quick on megabytes; strings.ContainsAny is not.
func has(s string, c byte) bool { return strings.IndexByte(s, c) >= 0 }

// decodedSize is how many bytes data stands for, if it is base64.
func decodedSize(data string) int64 {
	return int64(base64.RawStdEncoding.DecodedLen(symbols(strings.TrimRight(data, "=\r\n"))))
}

func symbols(unpadded string) int {
	return len(unpadded) - strings.Count(unpadded, "\n") - strings.Count(unpadded, "\r")
}
