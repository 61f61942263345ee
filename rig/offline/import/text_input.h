/* Lines of a text file, whatever its encoding (bytes that go on as they are, or UTF-16 made UTF-8) and its line ends (LF,
 * CR LF, CR), a megabyte at a time. A NUL byte and a line that is too long are errors, for neither is text. */
#ifndef PENRIG_OFFLINE_IMPORT_TEXT_INPUT_H
#define PENRIG_OFFLINE_IMPORT_TEXT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"

#define TEXT_LINE_MAX 65536

/* Without its line end; behind it, at at[len], stands CR or LF, so that a parser needs no other end. Valid until the
 * next call. */
struct text_line {
	const char *at;
	size_t len;
	uint64_t number; /* from 1 */
};

enum text_encoding { TEXT_BYTES, TEXT_UTF8_MARKED, TEXT_UTF16LE, TEXT_UTF16BE };

/* By its mark, or by the zero bytes that every second character of plain text in UTF-16 has. */
enum text_encoding text_encoding_of(const uint8_t *head, size_t n);
const char *text_encoding_name(enum text_encoding encoding); /* "" for bytes */

struct text_input;
/* -errno with text. */
int text_input_open(const char *path, struct text_input **ret, struct err *err);
void text_input_close(struct text_input *in);
enum text_encoding text_input_encoding(const struct text_input *in);

/* The first lines, whole ones but for a file's last, without going on: at most `most` lines and `bytes` bytes. Valid
 * until the first text_input_next(). Returns their number, or as text_input_next(). */
int text_input_head(struct text_input *in, struct text_line *line, unsigned most, size_t bytes, struct err *err);
/* Whole lines that lie in memory, to be read without asking for each (by text_rows()): from the next one to *ret_end, where
 * one begins that does not, or that has a NUL byte. Then how far they were read, and how many. */
const char *text_input_lines(const struct text_input *in, const char **ret_end);
void text_input_skip(struct text_input *in, const char *to, uint64_t lines);
uint64_t text_input_number(const struct text_input *in); /* of the line that was given, or skipped, last */
/* Whether the line that text_input_next() gave last ends with the file, and not with a line break. */
bool text_input_unended(const struct text_input *in);
/* 1: a line; 0: the end; -EINVAL: a NUL byte, a line longer than TEXT_LINE_MAX, half a character; -errno. */
int text_input_next(struct text_input *in, struct text_line *ret, struct err *err);

#endif
