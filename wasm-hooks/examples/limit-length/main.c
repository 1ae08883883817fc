// limit-length rejects messages with more characters than the configuration's
// "characters", or 4000.
//
// It is a command: a plain program that is started for each call, with the
// point's name as its argument. It reads the input from standard input, and
// prints the answer, or nothing to pass. Whoever exits with something else than
// 0 has failed, and standard error says why.

#include "hook/twinbox.h"

#include <stdio.h>
#include <string.h>

static tb_buffer read_all(FILE *f) {
	tb_buffer all = {0};
	char part[4096];
	for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
		tb_write(&all, part, n);
	return all;
}

// count_characters counts the bytes that begin a character of UTF-8.
static int64_t count_characters(const tb_value *text) {
	int64_t n = 0;
	for (size_t i = 0; text && i < text->length; i++)
		n += (text->text[i] & 0xC0) != 0x80;
	return n;
}

int main(int argc, char **argv) {
	if (argc < 2 || strcmp(argv[1], "on_message") != 0)
		return 0;
	tb_buffer input = read_all(stdin);
	tb_value *root = tb_parse(input.text, input.length);
	if (!root) {
		fputs("the input is not JSON\n", stderr);
		return 1;
	}
	int64_t limit = 4000;
	tb_value *characters = tb_get(tb_get(root, "config"), "characters");
	if (characters && (!tb_read_integer(characters, &limit) || limit < 1)) {
		fputs("characters must be a whole number above 0\n", stderr);
		return 1;
	}
	tb_value *content = tb_get(tb_get(root, "message"), "content");
	int64_t count = count_characters(tb_text(content) ? content : tb_get(content, "text"));
	if (count > limit)
		printf("{\"action\":\"reject\",\"reason\":\"A message may have %lld characters; this one has %lld.\"}\n",
			(long long)limit, (long long)count);
	return 0;
}
