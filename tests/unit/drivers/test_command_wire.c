/* Bytes to samples: every form of integer, lines as tools write them, each cut into pieces of every size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/command/wire.h"

static char heard[4096];

static void tell(const struct command_decoder *d, enum command_fed fed)
{
	size_t n = strlen(heard);

	if (fed == COMMAND_SAMPLE) {
		for (unsigned i = 0; i < d->setup->channels; i++)
			n += (size_t)snprintf(heard + n, sizeof(heard) - n, "%s%d", i ? "," : "", d->count[i]);
		snprintf(heard + n, sizeof(heard) - n, "%s%s ", d->flags & SAMPLE_SATURATED ? "!" : "",
			 d->flags & SAMPLE_OVER_RANGE ? "^" : "");
	} else if (fed == COMMAND_NOTHING) {
		strcat(heard, "none ");
	} else if (fed == COMMAND_ODD) {
		strcat(heard, "odd ");
	} else if (fed == COMMAND_REMARK) {
		assert_int_equal(strlen(d->line), d->shown);
		snprintf(heard + n, sizeof(heard) - n, "<%s> ", d->line);
	}
}

static void feed(struct command_decoder *d, const uint8_t *data, size_t len)
{
	while (len > 0) {
		size_t used = 0;
		enum command_fed fed = command_feed(d, data, len, &used);
		assert_true(used > 0 && used <= len);
		tell(d, fed);
		data += used;
		len -= used;
	}
}

/* What is heard must not hang on how the bytes were cut. */
static void expect(const struct command_setup *setup, const void *bytes, size_t len, const char *want)
{
	for (size_t step = 1; step <= len; step++) {
		struct command_decoder *d = calloc(1, sizeof(*d));
		d->setup = setup;
		heard[0] = '\0';
		for (size_t at = 0; at < len; at += step) {
			size_t n = len - at < step ? len - at : step;
			uint8_t *piece = malloc(n); /* of its own length: a read beyond it is seen */
			memcpy(piece, (const uint8_t *)bytes + at, n);
			feed(d, piece, n);
			free(piece);
		}
		free(d);
		if (strcmp(heard, want) != 0)
			fail_msg("in pieces of %zu: \"%s\", not \"%s\"", step, heard, want);
	}
}

static struct command_setup of_lines(char separator, unsigned columns, unsigned first, unsigned second)
{
	struct command_setup setup = {.format = command_format_find("csv"),
				      .separator = separator,
				      .columns = columns,
				      .channels = second ? 2 : 1};

	setup.channel[0] = (struct command_channel){.column = first, .resolution = 0.001};
	setup.channel[1] = (struct command_channel){.column = second, .resolution = 0.5};
	return setup;
}

static void test_lines(void **state)
{
	static const struct {
		char separator;
		unsigned columns, first, second, skip;
		const char *bytes, *want;
	} rows[] = {
		{',', 1, 1, 0, 0, "1.5\n-2\n", "1500 -2000 "},
		{',', 3, 3, 2, 0, "7,1.5,0.25\n", "250,3 "},
		{';', 2, 2, 0, 0, "1;2\r\n3;4\n", "2000 4000 "},
		{'\t', 2, 2, 0, 0, "a b\t2\n\n", "2000 "},
		{' ', 2, 2, 0, 0, "  1   2.5 \n3\t4\n", "2500 4000 "},
		{',', 2, 2, 0, 0, " 1 , 2 \n", "2000 "},
		{',', 2, 2, 0, 1, "time,force\n1,2\n", "2000 "},
		{',', 2, 2, 0, 0, "Vendor Tool 1.0\n1,2\n", "odd 2000 "},
		{',', 2, 2, 0, 0, "1,2,\n1,2,3\n1\n1,2\n", "odd odd odd 2000 "},
		{',', 2, 2, 0, 0, "1,NaN\n1,\n1,-inf\n1,2\n", "none none none 2000 "},
		{',', 2, 2, 0, 0, "1,0x10\n1,2e\n1,--2\n1,1 2\n1,1e-3\n", "odd odd odd odd 1 "},
		{',', 2, 2, 0, 0, "# overrun\n1,2\n", "<# overrun> 2000 "},
		{',', 1, 1, 0, 0, "2147483.647\n-9e9\n0.0004\n0.0006\n", "2147483647^ -2147483647^ 0 1 "},
		{',', 1, 1, 0, 0, "1\n2", "1000 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct command_setup setup =
			of_lines(rows[i].separator, rows[i].columns, rows[i].first, rows[i].second);
		setup.skip = rows[i].skip;
		expect(&setup, rows[i].bytes, strlen(rows[i].bytes), rows[i].want);
	}
}

static void test_long_line(void **state)
{
	struct command_setup setup = of_lines(',', 1, 1, 0);
	char bytes[2000];

	(void)state;
	memset(bytes, '1', sizeof(bytes));
	bytes[1200] = '\n';
	memcpy(bytes + 1201, "5\n", 2);
	expect(&setup, bytes, 1203, "odd 5000 ");
	expect(&setup, "1\0\n5\n", 5, "odd 5000 ");
}

static void test_integers(void **state)
{
	static const struct {
		const char *format;
		uint8_t bytes[9];
		size_t len;
		unsigned skip;
		const char *want;
	} rows[] = {
		{"s16le", {0x34, 0x12, 0xff, 0xff}, 4, 0, "4660 -1 "},
		{"s16be", {0x12, 0x34, 0xff, 0xfe}, 4, 0, "4660 -2 "},
		{"s16le", {0x00, 0x80, 0xff, 0x7f}, 4, 0, "-32768! 32767! "},
		{"u16le", {0xff, 0xff, 0x00, 0x80, 0, 0}, 6, 0, "65535! 32768 0! "},
		{"u16be", {0x80, 0x01}, 2, 0, "32769 "},
		{"s24le", {0x01, 0x00, 0x80, 0xfe, 0xff, 0xff}, 6, 0, "-8388607 -2 "},
		{"s24be", {0x00, 0x01, 0x02}, 3, 0, "258 "},
		{"u24le", {0xff, 0xff, 0xfe}, 3, 0, "16711679 "},
		{"u24be", {0xff, 0xff, 0xff}, 3, 0, "16777215! "},
		{"s32le", {0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00}, 8, 0, "-2147483648! 1 "},
		{"s32be", {0xff, 0xff, 0xff, 0xfd, 0x7f}, 5, 0, "-3 "},
		{"s16le", {'h', 'i', '!', 0x05, 0x00}, 5, 3, "5 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct command_setup setup = {.format = command_format_find(rows[i].format),
					      .columns = 1,
					      .skip = rows[i].skip,
					      .channels = 1,
					      .channel[0] = {.column = 1, .resolution = 1}};
		assert_non_null(setup.format);
		assert_int_equal(setup.format->bits % 8, 0);
		expect(&setup, rows[i].bytes, rows[i].len, rows[i].want);
	}
	assert_null(command_format_find("s8"));
}

/* Of several integers those that are asked for, in the bench file's order. */
static void test_columns_of_integers(void **state)
{
	struct command_setup setup = {.format = command_format_find("s16be"),
				      .columns = 3,
				      .channels = 2,
				      .channel = {{.column = 3, .resolution = 1}, {.column = 1, .resolution = 1}}};
	static const uint8_t bytes[] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0};

	(void)state;
	expect(&setup, bytes, sizeof(bytes), "3,1 6,4 ");
}

/* Bytes that say their place: 1420 (three, six bits each) and 1402 (two, seven bits each). Vectors by the makers' manuals. */
static void test_marked(void **state)
{
	static const struct {
		const char *format;
		unsigned columns;
		uint8_t bytes[16];
		size_t len;
		const char *want;
	} rows[] = {
		{"ild1420", 1, {0x03, 0x4A, 0x80, 0x38, 0x7F, 0x87, 0x2D, 0x75, 0x8F}, 9, "643 32760 64877 "},
		{"ild1420", 1, {0x3C, 0x7E, 0xBF, 0x03, 0x4A, 0x80, 0x02, 0x7F, 0xBF}, 9, "none 643 none "},
		{"ild1420", 1, {0x3A, 0x7E, 0xBF, 0x3B, 0x7E, 0xBF}, 6, "262074 none "},
		{"ild1420", 1, {0x4A, 0x80, 0x03, 0x4A, 0x80}, 5, "odd 643 "},         /* it begins within one */
		{"ild1420", 1, {0x03, 0x80, 0x38, 0x7F, 0x87}, 5, "odd 32760 "},       /* one is missing within */
		{"ild1420", 1, {0x03, 0x4A, 0x38, 0x7F, 0x87}, 5, "odd 32760 "},       /* and the last of one */
		{"ild1420", 1, {0x03, 0x4A, 0xC0, 0x38, 0x7F, 0x87}, 6, "odd 32760 "}, /* a further value, unasked */
		{"ild1420", 1, {0xFF, 0xFF, 0x03, 0x03, 0x4A, 0x80}, 6, "odd 643 "},
		{"ild1420", 2, {0x03, 0x4A, 0x80, 0x01, 0x40, 0xC0}, 6, "1,643 "},
		{"ild1420", 2, {0x01, 0x40, 0xC0, 0x03, 0x4A, 0x80, 0x02, 0x40, 0xC0}, 9, "odd 2,643 "},
		{"ild1420", 2, {0x3C, 0x7E, 0xBF, 0x01, 0x40, 0xC0}, 6, "none "},
		{"ild1402", 1, {0x90, 0x33, 0x80, 0x00}, 4, "2099 0 "},
		{"ild1402", 1, {0xFF, 0x71, 0xFF, 0x72, 0xFF, 0x7A}, 6, "16369 none none "},
		{"ild1402", 1, {0x33, 0x90, 0x33, 0x90, 0x90, 0x33}, 6, "odd 2099 odd 2099 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct command_setup setup = {
			.format = command_format_find(rows[i].format),
			.columns = rows[i].columns,
			.channels = rows[i].columns,
			.channel = {{.column = rows[i].columns, .resolution = 1}, {.column = 1, .resolution = 1}}};
		assert_non_null(setup.format);
		expect(&setup, rows[i].bytes, rows[i].len, rows[i].want);
	}
}

/* A run file keeps each count in as many bits as its channel says: none is wider. */
static void test_widths(void **state)
{
	(void)state;
	for (const struct command_format *f = command_formats; f->name; f++) {
		struct command_setup setup = {
			.format = f, .columns = 1, .channels = 1, .channel[0] = {.column = 1, .resolution = 1}};
		struct command_decoder d = {.setup = &setup};
		uint8_t ends[2][4] = {{0xff, 0xff, 0xff, 0xff}, {0}};
		size_t used;
		if (f->value_bits)
			assert_true(f->bytes * f->value_bits < f->bits);
		if (f->bytes == 0 || f->value_bits)
			continue;
		ends[0][f->big_endian ? 0 : f->bytes - 1] ^= f->is_signed ? 0x80 : 0;
		ends[1][f->big_endian ? 0 : f->bytes - 1] ^= f->is_signed ? 0x80 : 0;
		for (int i = 0; i < 2; i++) {
			assert_int_equal(command_feed(&d, ends[i], f->bytes, &used), COMMAND_SAMPLE);
			assert_int_equal(d.flags, SAMPLE_SATURATED);
			assert_true(fabs((double)d.count[0]) <= ldexp(1, f->bits - 1));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),    cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_integers), cmocka_unit_test(test_columns_of_integers),
		cmocka_unit_test(test_marked),   cmocka_unit_test(test_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
