// strip-metadata takes out of JPEG and PNG attachments what is not needed to
// show them: where and when a picture was taken and with what (EXIF, XMP, IPTC),
// comments, thumbnails, whatever is appended. The pixels stay as they are, bit
// for bit, and so do colour profiles and the way the picture is to be turned.
// Other attachments pass.
//
// The configuration's "malformed" says what becomes of a picture that cannot be
// read, and of a file that only claims to be one: "remove", the default, "pass"
// or "reject".

#include "hook/twinbox.h"
#include "picture.h"

#include <string.h>
#include <strings.h>

static enum { REMOVE, PASS, REJECT } malformed = REMOVE;

const char *tb_configure(const tb_value *config) {
	const tb_value *v = tb_get(config, "malformed");
	if (v && !tb_is(v, "remove") && !tb_is(v, "pass") && !tb_is(v, "reject"))
		return "malformed must be \"remove\", \"pass\" or \"reject\"";
	malformed = tb_is(v, "pass") ? PASS : tb_is(v, "reject") ? REJECT : REMOVE;
	return NULL;
}

static bool begins(const tb_input *in, const char *with, size_t length) {
	return in->size >= length && memcmp(in->bytes, with, length) == 0;
}

static bool claims_to_be_picture(const tb_value *attachment) {
	static const char *const types[] = {"image/jpeg", "image/jpg", "image/png"};
	static const char *const endings[] = {".jpg", ".jpeg", ".png"};
	const char *type = tb_text(tb_get(attachment, "mimeType"));
	const char *name = tb_text(tb_get(attachment, "name"));
	const char *ending = name ? strrchr(name, '.') : NULL;
	for (size_t i = 0; i < 3; i++)
		if ((type && strcasecmp(type, types[i]) == 0) || (ending && strcasecmp(ending, endings[i]) == 0))
			return true;
	return false;
}

static tb_answer answer_malformed(void) {
	switch (malformed) {
	case PASS:
		return tb_pass();
	case REJECT:
		return tb_reject("An attached picture is damaged, so its metadata cannot be removed.");
	default:
		tb_log(TB_WARN, "removed a picture that is malformed");
		return tb_remove_attachment();
	}
}

static tb_answer strip_metadata(tb_input *in) {
	size_t size = in->size;
	bool well_formed;
	if (begins(in, "\xFF\xD8", 2))
		well_formed = strip_jpeg(in->bytes, &size);
	else if (begins(in, "\x89PNG\r\n\x1A\n", 8))
		well_formed = strip_png(in->bytes, &size);
	else if (claims_to_be_picture(in->attachment))
		well_formed = false;
	else
		return tb_pass();
	if (!well_formed)
		return answer_malformed();
	return size == in->size ? tb_pass() : tb_replace_attachment(in->bytes, size, NULL, NULL);
}

TB_ON_ATTACHMENT(strip_metadata)
