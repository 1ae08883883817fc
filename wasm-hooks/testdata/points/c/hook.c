// A hook that gives each answer at each point, told by what it is called with.

#include "hook/twinbox.h"

static const char *why = "no reason";

const char *tb_configure(const tb_value *config) {
	const tb_value *v = tb_get(config, "why");
	if (v && !tb_text(v))
		return "why must be a text";
	if (v)
		why = tb_text(v);
	return NULL;
}

static tb_answer on_content(tb_input *in) {
	const tb_value *text = tb_content_text(in);
	tb_log(TB_INFO, "called");
	if (tb_is(text, "pass"))
		return tb_pass();
	if (tb_is(text, "drop"))
		return tb_drop();
	if (tb_is(text, "reject"))
		return tb_reject(why);
	if (tb_is(text, "fail"))
		tb_fail("on purpose");
	if (tb_is(text, "list")) {
		tb_value *list = tb_array();
		tb_append(list, tb_null());
		tb_append(list, in->content);
		return tb_replace(list);
	}
	tb_buffer out = {0};
	tb_write(&out, "was: ", 5);
	tb_write(&out, text->text, text->length);
	return tb_replace_text(in, tb_string_of(out.text, out.length));
}

static tb_answer on_attachment(tb_input *in) {
	const tb_value *name = tb_get(in->attachment, "name");
	if (tb_is(name, "rename"))
		return tb_replace_attachment(NULL, 0, "renamed", "text/plain");
	if (tb_is(name, "remove"))
		return tb_remove_attachment();
	if (tb_is(name, "reject"))
		return tb_reject(why);
	if (tb_is(name, "pass"))
		return tb_pass();
	for (size_t i = 0; i < in->size / 2; i++) {
		unsigned char b = in->bytes[i];
		in->bytes[i] = in->bytes[in->size - 1 - i];
		in->bytes[in->size - 1 - i] = b;
	}
	return tb_replace_attachment(in->bytes, in->size, NULL, NULL);
}

static tb_answer on_session(tb_input *in) {
	tb_value *labels = tb_get(in->session, "labels");
	if (!labels->first)
		return tb_reject(why);
	tb_append(labels, tb_get(in->session, "channelType"));
	return tb_label(labels);
}

TB_ON_MESSAGE(on_content)
TB_ON_REPLY(on_content)
TB_ON_ATTACHMENT(on_attachment)
TB_ON_SESSION(on_session)
