#include "picture.h"

#include <string.h>

enum {
	RST0 = 0xD0, RST7 = 0xD7, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA,
	APP0 = 0xE0, APP1 = 0xE1, APP2 = 0xE2, APP14 = 0xEE,
	JFIF_SIZE = 16, // a JFIF segment's without a thumbnail
	EXIF_NAME = 6,
};

// A segment begins after its marker, with its length in two bytes.
typedef struct {
	int marker;
	const uint8_t *data;
	size_t size;
} segment;

static bool named(segment s, const char *name, size_t length) {
	return s.size >= 2 + length && memcmp(s.data + 2, name, length) == 0;
}

// needed tells what a picture cannot be shown right without: the coding, the
// colours. Of the segments for applications, those that are not known go too.
static bool needed(segment s) {
	switch (s.marker) {
	case APP0:
		return named(s, "JFIF", 5) && s.size >= JFIF_SIZE;
	case APP2:
		return named(s, "ICC_PROFILE", 12);
	case APP14:
		return named(s, "Adobe", 5);
	}
	return s.marker >= 0xC0 && s.marker < APP0;
}

// skip_plain returns where, from at on, there may be a byte of 0xFF. It looks at
// eight at a time: most of a picture is passed here.
static size_t skip_plain(const uint8_t *bytes, size_t at, size_t size) {
	const uint64_t low = 0x7F7F7F7F7F7F7F7F, one = 0x0101010101010101;
	for (uint64_t eight; size - at >= sizeof eight; at += sizeof eight) {
		memcpy(&eight, bytes + at, sizeof eight);
		if (eight & ((eight & low) + one) & ~low) // the highest bit, and a carry into it
			break;
	}
	return at;
}

// scan_end returns where the coded pixels that begin at at end: at a marker, or
// with the file.
static size_t scan_end(const uint8_t *bytes, size_t at, size_t size) {
	while ((at = skip_plain(bytes, at, size)) < size) {
		while (at < size && bytes[at] != 0xFF)
			at++;
		if (size - at < 2)
			break;
		uint8_t next = bytes[at + 1];
		if (next != 0 && (next < RST0 || next > RST7))
			return at;
		at += 2;
	}
	return size;
}

// put moves what is kept to its new place, which is never after the old one.
static void put(uint8_t *bytes, size_t *out, size_t from, size_t length) {
	memmove(bytes + *out, bytes + from, length);
	*out += length;
}

static void put_exif(uint8_t *bytes, size_t *out, int orientation) {
	static const uint8_t head[] = {0xFF, APP1, 0, 2 + EXIF_NAME + EXIF_SIZE, 'E', 'x', 'i', 'f', 0, 0};
	memcpy(bytes + *out, head, sizeof head);
	write_exif(bytes + *out + sizeof head, orientation);
	*out += sizeof head + EXIF_SIZE;
}

bool strip_jpeg(uint8_t *bytes, size_t *size) {
	size_t at = 2, out = 2, end = *size;
	bool oriented = false;
	for (;;) {
		if (at == end || bytes[at] != 0xFF)
			return false;
		while (at < end && bytes[at] == 0xFF) // as many as one likes
			at++;
		if (at == end)
			return false;
		segment s = {.marker = bytes[at++]};
		if (s.marker == EOI) {
			put(bytes, &out, at - 2, 2);
			*size = out; // what comes after is not the picture
			return true;
		}
		if (s.marker == SOI || s.marker < 0xC0 || (s.marker >= RST0 && s.marker <= RST7) || end - at < 2)
			return false;
		s.data = bytes + at;
		s.size = big16(s.data);
		if (s.size < 2 || s.size > end - at)
			return false;
		size_t begin = at - 2;
		at += s.size;
		if (s.marker == APP0 && needed(s)) {
			bytes[begin + 2] = 0;
			bytes[begin + 3] = JFIF_SIZE;
			bytes[begin + 2 + JFIF_SIZE - 2] = bytes[begin + 2 + JFIF_SIZE - 1] = 0; // the thumbnail's width and height
			put(bytes, &out, begin, 2 + JFIF_SIZE);
		} else if (needed(s)) {
			put(bytes, &out, begin, 2 + s.size);
		} else if (s.marker == APP1 && named(s, "Exif\0", EXIF_NAME) && !oriented) {
			int orientation = exif_orientation(s.data + 2 + EXIF_NAME, s.size - 2 - EXIF_NAME);
			oriented = orientation != 0;
			if (oriented)
				put_exif(bytes, &out, orientation);
		}
		if (s.marker != SOS)
			continue;
		size_t pixels = at;
		at = scan_end(bytes, at, end);
		put(bytes, &out, pixels, at - pixels);
		if (at == end) {
			*size = out; // cut off, but there is nothing left to hide in
			return true;
		}
	}
}
