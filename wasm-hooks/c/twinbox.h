// Twinbox's SDK for hooks in C.
//
// A hook is a function from an input to an answer:
//
//	static tb_answer hello(tb_input *in) {
//		return tb_replace_text(in, tb_string("hello"));
//	}
//	TB_ON_MESSAGE(hello)
//
// All memory that the functions below return is released together when the
// host has taken the answer. What they cannot do (no memory, a tree of JSON
// that contains itself) ends the call with tb_fail, so nothing needs to be
// checked but what the declarations say.
//
// A program with a main needs none of this: it may use the JSON part.

#ifndef TWINBOX_H
#define TWINBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Values

// TB_DEPTH is how deep JSON may be nested.
#define TB_DEPTH 1000

typedef enum { TB_NULL, TB_FALSE, TB_TRUE, TB_NUMBER, TB_STRING, TB_ARRAY, TB_OBJECT } tb_type;

// A tb_value is JSON. Read it freely; change it by the functions below.
typedef struct tb_value {
	tb_type type;
	bool held;               // it is in an array or object
	const char *text;        // of a string, with a 0 after it; of a number, as it was written
	size_t length;           // of text, in bytes: a string may itself have a 0 inside
	const char *key;         // in an object, with a 0 after it
	size_t key_length;
	struct tb_value *first;  // of an array or object
	struct tb_value *last;
	struct tb_value *next;   // in the same array or object
} tb_value;

// tb_parse reads JSON, and uses text for the strings in it: text is not to be
// used afterwards. It returns NULL unless text is JSON in valid UTF-8, no deeper
// than TB_DEPTH. Half a surrogate pair becomes U+FFFD.
tb_value *tb_parse(char *text, size_t length);

// A copy of a text; the second form's may have a 0 inside. What is not UTF-8 is
// written as U+FFFD.
tb_value *tb_string(const char *text);
tb_value *tb_string_of(const char *text, size_t length);
tb_value *tb_integer(int64_t n);
tb_value *tb_bool(bool b);
tb_value *tb_null(void);
tb_value *tb_array(void);
tb_value *tb_object(void);

// tb_get returns a member of an object, the last if there are several of that
// name; NULL if there is none, or v is NULL or no object. So gets can be nested.
tb_value *tb_get(const tb_value *v, const char *key);
// tb_text returns a string's text, or NULL if v is NULL or no string.
const char *tb_text(const tb_value *v);
// tb_is tells whether v is a string, and equal to text.
bool tb_is(const tb_value *v, const char *text);
// tb_read_integer sets n if v is a number without fraction or exponent that fits.
bool tb_read_integer(const tb_value *v, int64_t *n);

// tb_set puts a member into an object, in the place of those of that name, and
// tb_append an element at an array's end. A value that is in an array or object
// already stays there: a copy of it is put in.
void tb_set(tb_value *object, const char *key, tb_value *v);
void tb_unset(tb_value *object, const char *key);
void tb_append(tb_value *array, tb_value *v);
// tb_detach takes v out of the array or object that it is in.
void tb_detach(tb_value *from, tb_value *v);

// Text and memory

// A tb_buffer grows with what is written to it. Begin with {0}. Its text has no
// 0 at the end.
typedef struct {
	char *text;
	size_t length, room;
} tb_buffer;

void tb_write(tb_buffer *b, const void *data, size_t length);
void tb_write_json(tb_buffer *b, const tb_value *v);

// tb_alloc returns memory for any type, with anything in it.
void *tb_alloc(size_t size);
// tb_release frees all that tb_alloc returned since tb_keep, or ever. Both are
// for programs with a main; of a hook the SDK calls them.
void tb_release(void);
void tb_keep(void);
// tb_fail ends the call, or the program: the hook has failed, and text is logged.
_Noreturn void tb_fail(const char *text);

// Hooks

typedef struct {
	tb_value *root; // all of the input, an object
	// Its members; NULL if the point does not have them (docs/hooks/abi.md).
	tb_value *session, *message, *content, *attachment, *reply;
	tb_value *config; // the hook's configuration, the same for all calls; a null if there is none
	// An attachment's bytes, the hook's to change.
	unsigned char *bytes;
	size_t size;
} tb_input;

// A tb_answer is what the functions below return.
typedef struct {
	tb_value *json;
	const void *bytes;
	size_t size;
} tb_answer;

tb_answer tb_pass(void);
// tb_reject refuses; the sender is told the reason.
tb_answer tb_reject(const char *reason);
// tb_content_text returns a content that is a string, or its member "text", or
// NULL; tb_replace_text answers with the content as it is but for that.
const tb_value *tb_content_text(const tb_input *in);
tb_answer tb_replace_text(tb_input *in, tb_value *text);
// tb_replace gives a message or a reply a new content, and tb_drop drops it.
tb_answer tb_replace(tb_value *content);
tb_answer tb_drop(void);
// tb_replace_attachment gives it new bytes, a name, a type; NULL keeps each.
tb_answer tb_replace_attachment(const void *bytes, size_t size, const char *name, const char *mime_type);
tb_answer tb_remove_attachment(void);
// tb_label gives a session labels, an array of strings.
tb_answer tb_label(tb_value *labels);

typedef enum { TB_DEBUG, TB_INFO, TB_WARN, TB_ERROR } tb_level;

void tb_log(tb_level level, const char *text);

typedef tb_answer (*tb_handler)(tb_input *);
uint64_t tb_run(tb_handler handler, bool attachment, char *data, size_t size);

// These make a function a hook's handler of a point; what it handles is called.
#define TB_ON_MESSAGE(handler) TB_EXPORT(on_message, handler, false)
#define TB_ON_ATTACHMENT(handler) TB_EXPORT(on_attachment, handler, true)
#define TB_ON_REPLY(handler) TB_EXPORT(on_reply, handler, false)
#define TB_ON_SESSION(handler) TB_EXPORT(on_session, handler, false)

#define TB_EXPORT(point, handler, attachment)                                             \
	__attribute__((export_name(#point))) uint64_t tb_export_##point(char *data, size_t size) { \
		return tb_run(handler, attachment, data, size);                                   \
	}

// A hook may define tb_configure. It is called once, with the configuration, a
// null if there is none, and returns NULL, or what is wrong with it: such a hook
// is not installed.
// What it allocates lives as long as the hook.
const char *tb_configure(const tb_value *config);

#endif
