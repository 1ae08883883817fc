#include "value.h"

#include <string.h>

// Reading

typedef struct {
	char *at, *end;
} reader;

static void skip_space(reader *r) {
	char *p = r->at;
	while (p < r->end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	r->at = p;
}

static bool take(reader *r, char c) {
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool take_word(reader *r, const char *word) {
	while (*word)
		if (!take(r, *word++))
			return false;
	return true;
}

// is_plain tells the characters of ASCII that stand for themselves in a string.
static bool is_plain(char c) { return c >= 0x20 && c != '"' && c != '\\' && (unsigned char)c < 0x80; }

// utf8_length returns the length of the character at p, or 0 if it is not UTF-8.
static size_t utf8_length(const char *p, const char *end) {
	unsigned char c = (unsigned char)p[0];
	if (c < 0x80)
		return 1;
	size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
	if (c < 0xC2 || c > 0xF4 || (size_t)(end - p) < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)p[i] & 0xC0) != 0x80)
			return 0;
	unsigned char second = (unsigned char)p[1];
	if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || // overlong, surrogates
	    (c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F))   // overlong, beyond U+10FFFF
		return 0;
	return n;
}

static char *put_utf8(char *to, uint32_t c) {
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xC0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xE0 | c >> 12);
		} else {
			*to++ = (char)(0xF0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3F));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
	}
	*to++ = (char)(0x80 | (c & 0x3F));
	return to;
}

// read_hex reads the four digits of \uXXXX.
static bool read_hex(reader *r, uint32_t *c) {
	if (r->end - r->at < 4)
		return false;
	*c = 0;
	for (int i = 0; i < 4; i++) {
		char d = *r->at++;
		if (d >= '0' && d <= '9')
			*c = *c << 4 | (uint32_t)(d - '0');
		else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			*c = *c << 4 | (uint32_t)((d | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

// read_escape reads what follows a backslash. It is never shorter than what it
// stands for, so it can be replaced in place.
static bool read_escape(reader *r, char **to) {
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	if (r->at == r->end)
		return false;
	char name = *r->at++;
	if (name != 'u') {
		const char *found = name ? strchr(names, name) : NULL;
		if (!found)
			return false;
		*(*to)++ = values[found - names];
		return true;
	}
	uint32_t c, low;
	if (!read_hex(r, &c))
		return false;
	if (c >= 0xD800 && c < 0xE000) {
		reader after = *r;
		if (c < 0xDC00 && take_word(&after, "\\u") && read_hex(&after, &low) && low >= 0xDC00 && low < 0xE000) {
			c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
			*r = after;
		} else {
			c = 0xFFFD;
		}
	}
	*to = put_utf8(*to, c);
	return true;
}

static bool read_string(reader *r, const char **text, size_t *length) {
	if (!take(r, '"'))
		return false;
	char *at = r->at, *to = at, *end = r->end;
	*text = to;
	while (at < end) {
		unsigned char c = (unsigned char)*at;
		if (is_plain(*at)) {
			*to++ = *at++;
		} else if (c == '"') {
			*length = (size_t)(to - *text);
			r->at = at + 1;
			*to = 0;
			return true;
		} else if (c == '\\') {
			r->at = at + 1;
			if (!read_escape(r, &to))
				return false;
			at = r->at;
		} else {
			size_t n = c < 0x20 ? 0 : utf8_length(at, end);
			if (n == 0)
				return false;
			while (n-- > 0)
				*to++ = *at++;
		}
	}
	return false;
}

static bool read_digits(reader *r) {
	char *from = r->at;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return r->at > from;
}

static bool read_number(reader *r, tb_value *v) {
	v->type = TB_NUMBER;
	v->text = r->at;
	take(r, '-');
	if (!take(r, '0') && !read_digits(r))
		return false;
	if (take(r, '.') && !read_digits(r))
		return false;
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '-'))
			take(r, '+');
		if (!read_digits(r))
			return false;
	}
	v->length = (size_t)(r->at - v->text);
	return true;
}

static bool read_scalar(reader *r, tb_value *v) {
	if (r->at == r->end)
		return false;
	switch (*r->at) {
	case '"':
		v->type = TB_STRING;
		return read_string(r, &v->text, &v->length);
	case 't':
		v->type = TB_TRUE;
		return take_word(r, "true");
	case 'f':
		v->type = TB_FALSE;
		return take_word(r, "false");
	case 'n':
		return take_word(r, "null");
	}
	return read_number(r, v);
}

// read_value reads the next value into the array or object that is open, with
// its key there; brackets that open are read alone.
static tb_value *read_value(reader *r, tb_value *open) {
	tb_value *v = tb_make(TB_NULL);
	skip_space(r);
	if (open && open->type == TB_OBJECT) {
		if (!read_string(r, &v->key, &v->key_length))
			return NULL;
		skip_space(r);
		if (!take(r, ':'))
			return NULL;
		skip_space(r);
	}
	if (take(r, '{'))
		v->type = TB_OBJECT;
	else if (take(r, '['))
		v->type = TB_ARRAY;
	else if (!read_scalar(r, v))
		return NULL;
	if (open)
		tb_link_last(open, v);
	return v;
}

static char closing(const tb_value *v) {
	return v->type == TB_OBJECT ? '}' : ']';
}

// It keeps what is open in a list of its own, so that no depth of nesting
// exhausts the stack.
tb_value *tb_parse(char *text, size_t length) {
	reader r = {text, text + length};
	tb_value *open[TB_DEPTH];
	size_t depth = 0;
	tb_value *root = read_value(&r, NULL);
	for (tb_value *v = root; v; v = read_value(&r, open[depth - 1])) {
		if (v->type >= TB_ARRAY) {
			if (depth == TB_DEPTH)
				return NULL;
			skip_space(&r);
			if (!take(&r, closing(v))) {
				open[depth++] = v;
				continue;
			}
		}
		skip_space(&r);
		while (depth > 0 && take(&r, closing(open[depth - 1]))) {
			depth--;
			skip_space(&r);
		}
		if (depth == 0)
			return r.at == r.end ? root : NULL;
		if (!take(&r, ','))
			return NULL;
	}
	return NULL;
}

// Writing

static void put(tb_buffer *b, char c) {
	if (b->length < b->room)
		b->text[b->length++] = c;
	else
		tb_write(b, &c, 1);
}

static void write_string(tb_buffer *b, const char *text, size_t length) {
	static const char hex[] = "0123456789abcdef";
	const char *end = text + length, *from = text;
	put(b, '"');
	for (const char *p = text; p < end;) {
		if (is_plain(*p)) {
			p++;
			continue;
		}
		unsigned char c = (unsigned char)*p;
		size_t n = utf8_length(p, end);
		if (c >= 0x80 && n > 0) {
			p += n;
			continue;
		}
		tb_write(b, from, (size_t)(p - from));
		from = ++p;
		if (n == 0) {
			tb_write(b, "\xEF\xBF\xBD", 3);
		} else if (c == '\n') {
			tb_write(b, "\\n", 2);
		} else if (c < 0x20) {
			char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
			tb_write(b, escape, sizeof escape);
		} else {
			char escape[] = {'\\', (char)c};
			tb_write(b, escape, sizeof escape);
		}
	}
	tb_write(b, from, (size_t)(end - from));
	put(b, '"');
}

static void write_scalar(tb_buffer *b, const tb_value *v) {
	switch (v->type) {
	case TB_STRING:
		write_string(b, v->text, v->length);
		break;
	case TB_NUMBER:
		tb_write(b, v->text, v->length);
		break;
	case TB_TRUE:
		tb_write(b, "true", 4);
		break;
	case TB_FALSE:
		tb_write(b, "false", 5);
		break;
	default:
		tb_write(b, "null", 4);
	}
}

void tb_write_json(tb_buffer *b, const tb_value *v) {
	const tb_value *open[TB_DEPTH];
	size_t depth = 0;
	while (v) {
		if (depth > 0 && v != open[depth - 1]->first)
			put(b, ',');
		if (depth > 0 && open[depth - 1]->type == TB_OBJECT) {
			write_string(b, v->key, v->key_length);
			put(b, ':');
		}
		const tb_value *next = depth > 0 ? v->next : NULL;
		if (v->type < TB_ARRAY) {
			write_scalar(b, v);
		} else {
			if (depth == TB_DEPTH)
				tb_fail("tb_write_json: nested too deep, or a value contains itself");
			put(b, v->type == TB_OBJECT ? '{' : '[');
			open[depth++] = v;
			next = v->first;
		}
		while (!next && depth > 0) {
			const tb_value *done = open[--depth];
			put(b, closing(done));
			next = depth > 0 ? done->next : NULL;
		}
		v = next;
	}
}
