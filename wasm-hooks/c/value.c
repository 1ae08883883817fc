#include "value.h"

#include <string.h>

tb_value *tb_make(tb_type type) {
	tb_value *v = tb_alloc(sizeof *v);
	*v = (tb_value){.type = type};
	return v;
}

void tb_link_last(tb_value *to, tb_value *v) {
	v->held = true;
	v->next = NULL;
	if (to->last)
		to->last->next = v;
	else
		to->first = v;
	to->last = v;
}

tb_value *tb_string_of(const char *text, size_t length) {
	tb_value *v = tb_make(TB_STRING);
	char *copy = tb_alloc(length + 1);
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = 0;
	v->text = copy;
	v->length = length;
	return v;
}

tb_value *tb_string(const char *text) { return tb_string_of(text, strlen(text)); }
tb_value *tb_bool(bool b) { return tb_make(b ? TB_TRUE : TB_FALSE); }
tb_value *tb_null(void) { return tb_make(TB_NULL); }
tb_value *tb_array(void) { return tb_make(TB_ARRAY); }
tb_value *tb_object(void) { return tb_make(TB_OBJECT); }

tb_value *tb_integer(int64_t n) {
	char digits[20];
	size_t at = sizeof digits;
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (n < 0)
		digits[--at] = '-';
	tb_value *v = tb_string_of(digits + at, sizeof digits - at);
	v->type = TB_NUMBER;
	return v;
}

static bool has_key(const tb_value *v, const char *key, size_t length) {
	return v->key_length == length && memcmp(v->key, key, length) == 0;
}

tb_value *tb_get(const tb_value *v, const char *key) {
	tb_value *found = NULL;
	if (!v || v->type != TB_OBJECT)
		return NULL;
	size_t length = strlen(key);
	for (tb_value *m = v->first; m; m = m->next)
		if (has_key(m, key, length))
			found = m;
	return found;
}

const char *tb_text(const tb_value *v) { return v && v->type == TB_STRING ? v->text : NULL; }

bool tb_is(const tb_value *v, const char *text) {
	return v && v->type == TB_STRING && v->length == strlen(text) && memcmp(v->text, text, v->length) == 0;
}

bool tb_read_integer(const tb_value *v, int64_t *n) {
	if (!v || v->type != TB_NUMBER)
		return false;
	bool negative = v->text[0] == '-';
	uint64_t sum = 0, limit = (uint64_t)INT64_MAX + negative;
	for (size_t i = negative; i < v->length; i++) {
		unsigned digit = (unsigned char)v->text[i] - (unsigned)'0';
		if (digit > 9 || sum > (limit - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*n = (int64_t)(negative ? -sum : sum);
	return true;
}

void tb_detach(tb_value *from, tb_value *v) {
	tb_value *before = NULL;
	for (tb_value *m = from->first; m; before = m, m = m->next) {
		if (m != v)
			continue;
		*(before ? &before->next : &from->first) = m->next;
		if (from->last == m)
			from->last = before;
		m->held = false;
		return;
	}
}

static tb_value *free_to_hold(tb_value *v) {
	if (!v->held)
		return v;
	tb_value *copy = tb_make(v->type);
	*copy = *v;
	return copy;
}

void tb_append(tb_value *array, tb_value *v) {
	if (array->type != TB_ARRAY)
		tb_fail("tb_append: not an array");
	tb_link_last(array, free_to_hold(v));
}

void tb_set(tb_value *object, const char *key, tb_value *v) {
	if (!object || object->type != TB_OBJECT)
		tb_fail("tb_set: not an object");
	v = free_to_hold(v);
	v->key_length = strlen(key);
	v->key = tb_string(key)->text;
	tb_value *old = tb_get(object, key);
	if (!old) {
		tb_link_last(object, v);
		return;
	}
	v->held = true;
	v->next = old->next;
	old->next = v;
	if (object->last == old)
		object->last = v;
	for (tb_value *m = object->first, *next; m; m = next) {
		next = m->next;
		if (m != v && has_key(m, key, v->key_length))
			tb_detach(object, m);
	}
}

void tb_unset(tb_value *object, const char *key) {
	for (tb_value *m; (m = tb_get(object, key));)
		tb_detach(object, m);
}
