#include "twinbox.h"

#include <string.h>

// The host's side of the contract: docs/hooks/abi.md.

__attribute__((import_module("engine"), import_name("log"))) void tb_host_log(int32_t level, const char *text, size_t length);

void tb_log(tb_level level, const char *text) { tb_host_log((int32_t)level, text, strlen(text)); }

__attribute__((weak)) const char *tb_configure(const tb_value *config) {
	(void)config;
	return NULL;
}

static tb_value *config;

static uint64_t packed(const void *data, size_t size) {
	return (uint64_t)(uintptr_t)data << 32 | size;
}

__attribute__((export_name("hook_abi_version"))) int32_t tb_abi_version(void) { return 1; }
__attribute__((export_name("hook_alloc"))) void *tb_hook_alloc(size_t size) { return tb_alloc(size); }
__attribute__((export_name("hook_done"))) void tb_hook_done(void) { tb_release(); }

__attribute__((export_name("hook_init"))) uint64_t tb_hook_init(char *text, size_t length) {
	config = tb_parse(text, length);
	const char *problem = config ? tb_configure(config) : "the configuration is not JSON";
	tb_keep();
	return problem ? packed(problem, strlen(problem)) : 0;
}

// read_frame splits an attachment's input: the length of the JSON in 4 bytes,
// little-endian, the JSON, the bytes.
static void read_frame(tb_input *in, char **data, size_t *size) {
	uint32_t length;
	if (*size < sizeof length)
		tb_fail("the input has no frame");
	memcpy(&length, *data, sizeof length);
	if (length > *size - sizeof length)
		tb_fail("the input's frame is longer than the input");
	*data += sizeof length;
	in->bytes = (unsigned char *)*data + length;
	in->size = *size - sizeof length - length;
	*size = length;
}

uint64_t tb_run(tb_handler handler, bool attachment, char *data, size_t size) {
	tb_input in = {.config = config};
	if (attachment)
		read_frame(&in, &data, &size);
	in.root = tb_parse(data, size);
	if (!in.root)
		tb_fail("the input is not JSON");
	in.session = tb_get(in.root, "session");
	in.message = tb_get(in.root, "message");
	in.attachment = tb_get(in.root, "attachment");
	in.reply = tb_get(in.root, "reply");
	in.content = tb_get(in.message ? in.message : in.reply, "content");

	tb_answer answer = handler(&in);
	if (!answer.json)
		return 0;
	tb_buffer out = {0};
	uint32_t length = 0;
	if (attachment)
		tb_write(&out, &length, sizeof length);
	tb_write_json(&out, answer.json);
	if (attachment) {
		length = (uint32_t)(out.length - sizeof length);
		memcpy(out.text, &length, sizeof length);
		tb_write(&out, answer.bytes, answer.size);
	}
	return packed(out.text, out.length);
}

static tb_answer act(const char *action) {
	tb_answer answer = {.json = tb_object()};
	tb_set(answer.json, "action", tb_string(action));
	return answer;
}

tb_answer tb_pass(void) { return (tb_answer){0}; }
tb_answer tb_drop(void) { return act("drop"); }
tb_answer tb_remove_attachment(void) { return act("remove"); }

tb_answer tb_reject(const char *reason) {
	tb_answer answer = act("reject");
	tb_set(answer.json, "reason", tb_string(reason));
	return answer;
}

tb_answer tb_replace(tb_value *content) {
	tb_answer answer = act("replace");
	tb_set(answer.json, "content", content);
	return answer;
}

const tb_value *tb_content_text(const tb_input *in) {
	const tb_value *v = tb_get(in->content, "text");
	if (!v)
		v = in->content;
	return tb_text(v) ? v : NULL;
}

tb_answer tb_replace_text(tb_input *in, tb_value *text) {
	if (!in->content || in->content->type != TB_OBJECT)
		return tb_replace(text);
	tb_set(in->content, "text", text);
	return tb_replace(in->content);
}

tb_answer tb_label(tb_value *labels) {
	tb_answer answer = act("replace");
	tb_set(answer.json, "labels", labels);
	return answer;
}

tb_answer tb_replace_attachment(const void *bytes, size_t size, const char *name, const char *mime_type) {
	tb_answer answer = act("replace");
	tb_set(answer.json, "bytes", tb_string(bytes ? "replace" : "keep"));
	if (name)
		tb_set(answer.json, "name", tb_string(name));
	if (mime_type)
		tb_set(answer.json, "mimeType", tb_string(mime_type));
	answer.bytes = bytes;
	answer.size = bytes ? size : 0;
	return answer;
}
