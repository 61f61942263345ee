/* What the tests of readers share: files made byte by byte, and all that a reader makes of them. */
#ifndef TESTS_UNIT_OFFLINE_RECORDINGS_H
#define TESTS_UNIT_OFFLINE_RECORDINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/import/readers.h"

#define VALUES_MAX 200000

struct made { /* a file under construction */
	uint8_t bytes[1 << 19];
	size_t n;
};

struct heard { /* what a reader said of a file */
	int rc;
	struct recording_layout layout;
	uint32_t rows;
	double value[VALUES_MAX];
	struct err err;
};

static struct made made;
static struct heard heard;
static char made_path[64];

static inline void add(const void *bytes, size_t n)
{
	assert_true(made.n + n <= sizeof(made.bytes));
	memcpy(made.bytes + made.n, bytes, n);
	made.n += n;
}

static inline void add_text(const char *text)
{
	add(text, strlen(text));
}

static inline void add_number(uint64_t value, unsigned width)
{
	uint8_t bytes[8];
	for (unsigned i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	add(bytes, width);
}

static inline void write_file(const char *path, const void *bytes, size_t n)
{
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
}

/* The first n bytes of what was made. `room`: values at a time. */
static inline void hear(const struct recording_reader *reader, size_t n, uint32_t room, bool gaps)
{
	const struct recording_wish wish = {.gaps = gaps};
	struct recording *recording = NULL;
	heard = (struct heard){.rows = 0};
	write_file(made_path, made.bytes, n);
	heard.rc = reader->open(made_path, &wish, &recording, &heard.layout, &heard.err);
	if (heard.rc) {
		assert_null(recording);
		assert_non_null(strstr(heard.err.text, made_path));
		return;
	}
	struct recording_rows rows = {.room = room};
	unsigned columns = heard.layout.columns;
	do {
		rows.value = heard.value + (size_t)heard.rows * columns;
		assert_true((size_t)heard.rows * columns + room <= VALUES_MAX);
		heard.rc = reader->next(recording, &rows, &heard.err);
		if (heard.rc > 0) {
			assert_true(rows.rows > 0 && rows.rows * columns <= room);
			assert_int_equal(rows.first_line, heard.rows + 1);
			heard.rows += rows.rows;
		}
	} while (heard.rc > 0);
	reader->close(recording);
}

static inline void assert_refused(const char *why)
{
	assert_int_equal(heard.rc, -EINVAL);
	if (!strstr(heard.err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", heard.err.text, why);
}

static inline int make_path(void **state)
{
	(void)state;
	snprintf(made_path, sizeof(made_path), "/tmp/penrig-recording-XXXXXX");
	int fd = mkstemp(made_path);
	return fd < 0 ? -1 : close(fd);
}

static inline int remove_path(void **state)
{
	(void)state;
	return unlink(made_path);
}

#endif
