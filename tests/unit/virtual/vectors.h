/* Reading of docs/protocols/vectors for the models' tests: lines of words, and bytes in hex. */
#ifndef PENRIG_TESTS_UNIT_VIRTUAL_VECTORS_H
#define PENRIG_TESTS_UNIT_VIRTUAL_VECTORS_H

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_LINE_MAX  8192
#define VECTOR_WORDS_MAX 8

struct vector_line {
	char text[VECTOR_LINE_MAX];
	char *word[VECTOR_WORDS_MAX];
	int words;
};

static inline FILE *vector_open(const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "docs/protocols/vectors/%s", name);
	f = fopen(path, "re");
	if (!f)
		fprintf(stderr, "%s: not found; run tests from the project's root\n", path);
	assert(f);
	return f;
}

/* The next line that is not empty or a comment; 0 at the end. */
static inline int vector_next(FILE *f, struct vector_line *line)
{
	while (fgets(line->text, sizeof(line->text), f)) {
		char *save = NULL, *comment;

		if (line->text[0] == '#')
			continue;
		comment = strstr(line->text, " #");
		if (comment)
			*comment = '\0';
		line->words = 0;
		for (char *w = strtok_r(line->text, " \n", &save); w && line->words < VECTOR_WORDS_MAX;
		     w = strtok_r(NULL, " \n", &save))
			line->word[line->words++] = w;
		if (line->words)
			return 1;
	}
	return 0;
}

static inline size_t vector_bytes(const char *hex, uint8_t *bytes)
{
	size_t n = 0;

	if (strcmp(hex, "-") == 0)
		return 0;
	for (; hex[0] && hex[1]; hex += 2) {
		const char two[3] = {hex[0], hex[1], '\0'};

		bytes[n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

#endif
