#include "picture.h"

#include <string.h>

// A chunk is its data's length in four bytes, a name of four, the data, and a
// checksum of name and data.
enum { SIGNATURE_SIZE = 8, NAME_AT = 4, DATA_AT = 8, CHUNK_SIZE = 12, HEADER_SIZE = 13 };

static bool is(const uint8_t *chunk, const char *name) { return memcmp(chunk + NAME_AT, name, 4) == 0; }

// needed tells what a picture cannot be shown right without: chunks that say so
// themselves, by a capital letter, colours, transparency, the size of a pixel,
// animation. Those that are not known go with the texts, times and places.
static bool needed(const uint8_t *chunk) {
	static const char names[][5] = {"tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "sBIT", "bKGD", "hIST", "pHYs", "sPLT",
		"cICP", "mDCV", "cLLI", "acTL", "fcTL", "fdAT"};
	if (chunk[NAME_AT] >= 'A' && chunk[NAME_AT] <= 'Z')
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is(chunk, names[i]))
			return true;
	return false;
}

static uint32_t checksum(const uint8_t *p, size_t size) {
	uint32_t sum = ~(uint32_t)0;
	for (; size > 0; size--) {
		sum ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (0xEDB88320 & -(sum & 1));
	}
	return ~sum;
}

static void put_big32(uint8_t *to, uint32_t n) {
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(n >> (24 - 8 * i));
}

static void put_exif(uint8_t *chunk, int orientation) {
	put_big32(chunk, EXIF_SIZE);
	memcpy(chunk + NAME_AT, "eXIf", 4);
	write_exif(chunk + DATA_AT, orientation);
	put_big32(chunk + DATA_AT + EXIF_SIZE, checksum(chunk + NAME_AT, 4 + EXIF_SIZE));
}

bool strip_png(uint8_t *bytes, size_t *size) {
	size_t at = SIGNATURE_SIZE, out = SIGNATURE_SIZE;
	bool oriented = false;
	for (bool first = true, last = false; !last; first = false) {
		if (*size - at < CHUNK_SIZE)
			return false;
		uint8_t *chunk = bytes + at;
		size_t length = big32(chunk);
		if (length > *size - at - CHUNK_SIZE)
			return false;
		if (is(chunk, "IHDR") != first || (first && length != HEADER_SIZE))
			return false;
		last = is(chunk, "IEND");
		if (last && length != 0)
			return false;
		at += CHUNK_SIZE + length;
		int orientation = is(chunk, "eXIf") && !oriented ? exif_orientation(chunk + DATA_AT, length) : 0;
		if (needed(chunk)) {
			memmove(bytes + out, chunk, CHUNK_SIZE + length);
			out += CHUNK_SIZE + length;
		} else if (orientation != 0) {
			put_exif(bytes + out, orientation);
			out += CHUNK_SIZE + EXIF_SIZE;
			oriented = true;
		}
	}
	*size = out; // what comes after is not the picture
	return true;
}
