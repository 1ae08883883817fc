// What the programs here and their test say to each other: a length of four
// bytes, little-endian, and so many bytes.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// read_frame returns memory of the frame's exact size, so that a sanitizer sees
// what reads or writes beyond; NULL at the end.
static uint8_t *read_frame(size_t *size) {
	uint8_t head[4];
	if (fread(head, 1, 4, stdin) != 4)
		return NULL;
	*size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	uint8_t *data = malloc(*size ? *size : 1);
	if (!data || fread(data, 1, *size, stdin) != *size)
		exit(1);
	return data;
}

// write_frame answers with ok, as a byte, and a frame.
static void write_frame(bool ok, const void *data, size_t size) {
	uint8_t head[] = {ok, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};
	fwrite(head, 1, sizeof head, stdout);
	if (size > 0)
		fwrite(data, 1, size, stdout);
}
