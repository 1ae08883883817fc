#include "twinbox.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Memory is handed out from chunks, one after the other, and freed at once: a
// call's many small values cost little, and none of them can leak.

#define CHUNK_SIZE ((size_t)32 << 10)

typedef struct chunk {
	struct chunk *before;
	size_t size, used;
	_Alignas(16) char bytes[];
} chunk;

static chunk *last;
static chunk *kept;
static size_t kept_used;

void *tb_alloc(size_t size) {
	if (size > SIZE_MAX / 2)
		tb_fail("out of memory");
	size = (size + 15) & ~(size_t)15;
	if (!last || last->size - last->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		chunk *c = malloc(sizeof *c + room);
		if (!c)
			tb_fail("out of memory");
		c->before = last;
		c->size = room;
		c->used = 0;
		last = c;
	}
	void *p = last->bytes + last->used;
	last->used += size;
	return p;
}

void tb_keep(void) {
	kept = last;
	kept_used = last ? last->used : 0;
}

void tb_release(void) {
	while (last != kept) {
		chunk *c = last;
		last = c->before;
		free(c);
	}
	if (last)
		last->used = kept_used;
}

_Noreturn void tb_fail(const char *text) {
	// That the text could not be written changes nothing: the call ends.
	ssize_t n = write(STDERR_FILENO, text, strlen(text));
	n += write(STDERR_FILENO, "\n", 1);
	(void)n;
	__builtin_trap();
}

void tb_write(tb_buffer *b, const void *data, size_t length) {
	if (length == 0)
		return;
	if (b->room - b->length < length) {
		size_t room = b->room * 2;
		if (room - b->length < length)
			room = b->length + length;
		if (room < 256)
			room = 256;
		char *text = tb_alloc(room);
		if (b->length > 0)
			memcpy(text, b->text, b->length);
		b->text = text;
		b->room = room;
	}
	memcpy(b->text + b->length, data, length);
	b->length += length;
}
