// json reads each frame as JSON and writes it again. With an argument it edits
// objects between: see TestJSONIsEditedInPlace.

#include "twinbox.h"

#include "frames.h"

static void edit(tb_value *root) {
	int64_t n;
	tb_value *list = tb_get(root, "list"), *text = tb_get(root, "text");
	if (list && text)
		tb_append(list, text);
	if (tb_read_integer(tb_get(root, "n"), &n))
		tb_set(root, "n", tb_integer(n < 0 ? n + 1 : n - 1));
	tb_unset(root, "gone");
	tb_set(root, "text", tb_string("a \"new\" one\x01\xFF"));
	tb_set(root, "added", tb_bool(tb_is(tb_get(root, "kind"), "chat")));
	if (list && list->first)
		tb_detach(list, list->first);
}

int main(int argc, char **argv) {
	(void)argv;
	uint8_t *data;
	for (size_t size; (data = read_frame(&size));) {
		tb_value *v = tb_parse((char *)data, size);
		tb_buffer out = {0};
		if (v && argc > 1)
			edit(v);
		if (v)
			tb_write_json(&out, v);
		write_frame(v, out.text, out.length);
		tb_release();
		free(data);
	}
	return 0;
}
