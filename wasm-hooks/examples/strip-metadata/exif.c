#include "picture.h"

#include <string.h>

// EXIF data is a TIFF file: a header of 8 bytes, which says the order of bytes
// and where the first directory is; there, a count, and entries of 12 bytes.

enum { header_size = 8, entry_size = 12, tag_orientation = 0x0112, type_short = 3 };

static uint32_t read_number(const uint8_t *p, size_t size, bool little) {
	uint32_t n = 0;
	for (size_t i = 0; i < size; i++)
		n = n << 8 | p[little ? size - 1 - i : i];
	return n;
}

int exif_orientation(const uint8_t *exif, size_t size) {
	if (size < EXIF_SIZE)
		return 0;
	bool little = memcmp(exif, "II*\0", 4) == 0;
	if (!little && memcmp(exif, "MM\0*", 4) != 0)
		return 0;
	size_t at = read_number(exif + 4, 4, little);
	if (at > size - 2)
		return 0;
	uint32_t entries = read_number(exif + at, 2, little);
	at += 2;
	for (; entries > 0 && size - at >= entry_size; entries--, at += entry_size) {
		if (read_number(exif + at, 2, little) != tag_orientation || read_number(exif + at + 2, 2, little) != type_short)
			continue;
		uint32_t orientation = read_number(exif + at + 8, 2, little);
		return orientation >= 2 && orientation <= 8 ? (int)orientation : 0;
	}
	return 0;
}

void write_exif(uint8_t *to, int orientation) {
	static const uint8_t only_orientation[EXIF_SIZE] = {
		'M', 'M', 0, '*', 0, 0, 0, header_size,
		0, 1, // one entry
		tag_orientation >> 8, tag_orientation & 0xFF, 0, type_short, 0, 0, 0, 1, 0, 0, 0, 0,
		0, 0, 0, 0, // no further directory
	};
	memcpy(to, only_orientation, EXIF_SIZE);
	to[19] = (uint8_t)orientation;
}
