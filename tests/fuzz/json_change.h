/* One value in a text of JSON becomes another: what a file with a wrong value in it looks like, which bits that flip hardly
 * ever make. */
#ifndef PENRIG_TESTS_FUZZ_JSON_CHANGE_H
#define PENRIG_TESTS_FUZZ_JSON_CHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const char *const json_words[] = {
	"0",     "-1",     "1e308", "1e999", "null",  "\"inf\"",        "4294967296",      "18446744073709551615",
	"0.5",   "true",   "[]",    "{}",    "\"\"",  "\"\\u001b[2J\"", "\"x\"",           "-0",
	"65536", "1e-320", "[[]]",  "1",     "[0,1]", "\"../../x\"",    "\"<b>&\\u0007\"", "[1,2,3,4,5,6,7,8,9]",
};

/* The nth number or string that stands as a value, in `cell` of `room` bytes; gives the new length. */
static inline size_t json_change(uint8_t *cell, size_t len, size_t room, size_t nth, unsigned number)
{
	const char *word = json_words[number % (sizeof(json_words) / sizeof(json_words[0]))];
	size_t at = 0, end, put = strlen(word);

	for (size_t from = 1; from < len && !at; from++)
		if (cell[from] && strchr("-0123456789\"", cell[from]) && cell[from - 1] &&
		    strchr(":[, ", cell[from - 1]) && nth-- == 0)
			at = from;
	if (!at)
		return len;
	for (end = at + 1; end < len && (!cell[end] || !strchr(",]}\n", cell[end]));)
		end++;
	if (len - (end - at) + put > room)
		return len;
	memmove(cell + at + put, cell + end, len - end);
	memcpy(cell + at, word, put);
	return len - (end - at) + put;
}

#endif
