/* JSON written as it is told, into a stream: no tree, so memory does not grow with the text. What must be looked at
 * again before it is printed is json.h's json_out. */
#ifndef PENRIG_BASE_JSON_STREAM_H
#define PENRIG_BASE_JSON_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rig/base/error.h"

#define JSON_STREAM_DEPTH  16
#define JSON_STREAM_BUFFER 4096

/* How the members of a container stand: each on a line of its own (without blanks before it), all on one line, or on one line without the nulls
 * at its end (a row of a table whose columns are named elsewhere). */
enum json_layout { JSON_LINES, JSON_LINE, JSON_ROW };

struct json_stream {
	FILE *out; /* the caller's */
	unsigned depth;
	struct json_level {
		bool array, lines;
		enum json_layout layout;
		unsigned members, nulls; /* written; at the end of a row, not written yet */
	} level[JSON_STREAM_DEPTH];
	size_t filled;
	char buffer[JSON_STREAM_BUFFER];
	int status; /* the first error, told by json_stream_close() */
	struct err why;
};

/* Keys are the program's own words. key NULL in arrays and for the root. A container inside of one that stands on one line does so, too. */
void json_stream_open(struct json_stream *js, FILE *out);
void json_object(struct json_stream *js, const char *key, enum json_layout layout);
void json_array(struct json_stream *js, const char *key, enum json_layout layout);
void json_end(struct json_stream *js);

void json_put_string(struct json_stream *js, const char *key, const char *value); /* NULL writes null */
void json_put_bool(struct json_stream *js, const char *key, bool value);
void json_put_null(struct json_stream *js, const char *key);
void json_put_int(struct json_stream *js, const char *key, int64_t value);  /* |value| < 2^53, else an error */
void json_put_u64(struct json_stream *js, const char *key, uint64_t value); /* as a decimal string */
/* Rounded to `digits` significant digits (1..17; 17: the shortest text that reads back the same). Not finite: an error. */
void json_put_number(struct json_stream *js, const char *key, double value, int digits);

/* A line feed behind the root, and all of it to the stream. -EINVAL names the key of the offending value; -EIO. */
int json_stream_close(struct json_stream *js, struct err *err);

/* The number as json_put_number() writes it: printf's figures without zeros at their end, as a decimal or with an exponent,
 * whichever is shorter. 0 < digits <= 17, value finite. Returns its length. */
#define JSON_NUMBER_MAX 32
int json_number_text(double value, int digits, char ret[JSON_NUMBER_MAX]);
int json_integer_text(uint64_t size, bool negative, char ret[JSON_NUMBER_MAX]);
/* What reading the number's text gives. */
double json_number_rounded(double value, int digits);

#endif
