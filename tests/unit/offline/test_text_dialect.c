/* How a text is written follows from its lines, where one reading fits; where two do, it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/offline/import/text_dialect.h"
#include "rig/offline/import/text_header.h"

#define LINES 400

static char text[LINES * 80];
static struct text_line line[LINES];

/* The head, and so many rows of the body; @ in a row is a number that changes: three digits. */
static unsigned write_lines(const char *head, const char *row, unsigned rows)
{
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", head);
	unsigned n = 0;

	for (unsigned i = 0; i < rows; i++) {
		for (const char *c = row; *c; c++)
			len += *c == '@' ? (size_t)sprintf(text + len, "%03u", (i * 37 + 111) % 1000)
					 : (size_t)sprintf(text + len, "%c", *c);
		text[len++] = '\n';
	}
	for (size_t at = 0; at < len; n++) {
		char *end = memchr(text + at, '\n', len - at);
		line[n] = (struct text_line){.at = text + at, .len = (size_t)(end - text) - at, .number = n + 1};
		at = (size_t)(end - text) + 1;
	}
	return n;
}

struct row {
	const char *head, *row;
	char separator, decimal;
	unsigned columns, body;
};

static void test_found(void **unused)
{
	static const struct row rows[] = {
		{"", "0.@", TEXT_ONE_COLUMN, '.', 1, 0},
		{"", "0,@4", TEXT_ONE_COLUMN, ',', 1, 0}, /* four digits, of which some lead with a zero */
		{"F_dN\n", "3,@", TEXT_ONE_COLUMN, ',', 1, 1},
		{"a,b\n", "3,1@", ',', '.', 2, 1},
		{"t;F\n", "0,@;1,5", ';', ',', 2, 1},
		{"", "0.@;1.5", ';', '.', 2, 0},
		{"", "1;@", ';', '.', 2, 0},
		{"", "0.@\t1.5", '\t', '.', 2, 0},
		{"", "0,@\t1,5", '\t', ',', 2, 0},
		{"", "0.@ | 1.5", '|', '.', 2, 0},
		{"", "  0.@   1.5", TEXT_BLANKS, '.', 2, 0},
		{"", "0,@ 1,5", TEXT_BLANKS, ',', 2, 0},
		{"", "0.@, 1.5", ',', '.', 2, 0},
		{"", "\"0.@\",\"1.5\"", ',', '.', 2, 0},
		{"", "\"0,@\",\"1,5\"", ',', ',', 2, 0},
		{"", "12:00:01,0.@", ',', '.', 2, 0},
		{"", "12:00:01,5;0,@", ';', ',', 2, 0},
		{"", "2026-03-01 12:00:01.5;0,@", ';', ',', 2, 0},
		{"", "S D 0.@ N", TEXT_BLANKS, '.', 4, 0},
		{"rate 5000\n\n1,2\nx\n", "1.@,0.5", ',', '.', 2, 4},
		{"5000\n", "0.@", TEXT_ONE_COLUMN, '.', 1, 1},
		{"0\n", "0.@", TEXT_ONE_COLUMN, '.', 1, 0},
		{"", "1.234.567,@", TEXT_ONE_COLUMN, ',', 1, 0},
		{"", "0,@4,0,1@", ',', ',', 0, 0}, /* a comma that is both, without quotes */
		{"", "to be or not", 0, 0, 0, 0},
	};
	(void)unused;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct recording_wish wish = {.gaps = false};
		struct text_dialect d = {.columns = 0};
		struct err err = {""};
		unsigned n = write_lines(rows[i].head, rows[i].row, 300);
		int rc = text_dialect_find(line, n, &wish, &d, &err);
		if (rows[i].columns == 0) {
			assert_true(rc < 0 && err.text[0]);
			continue;
		}
		if (rc < 0)
			print_error("%zu: %s\n", i, err.text);
		assert_int_equal(rc, 0);
		assert_int_equal(d.separator, rows[i].separator);
		assert_int_equal(d.decimal, rows[i].decimal);
		assert_int_equal(d.columns, rows[i].columns);
		assert_int_equal(d.body, rows[i].body);
	}
}

static void test_decided(void **unused)
{
	static const struct {
		char separator, decimal;
		unsigned columns;
	} rows[] = {{',', 0, 2}, {0, ',', 1}, {0, '.', 2}, {',', '.', 2}};
	struct text_dialect d;
	struct err err = {""};
	(void)unused;

	unsigned n = write_lines("", "3,1@", 300);
	const struct recording_wish none = {.gaps = false};
	assert_true(text_dialect_find(line, n, &none, &d, &err) < 0);
	assert_non_null(strstr(err.text, "--separator"));
	assert_non_null(strstr(err.text, "--decimal"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct recording_wish wish = {.separator = rows[i].separator, .decimal = rows[i].decimal};
		assert_int_equal(text_dialect_find(line, n, &wish, &d, &err), 0);
		assert_int_equal(d.columns, rows[i].columns);
	}
	const struct recording_wish wrong = {.separator = ';', .decimal = '.'};
	assert_true(text_dialect_find(line, n, &wrong, &d, &err) < 0);
}

struct header_row {
	const char *head, *row;
	double rate_hz; /* 0: none */
	int time_column;
	const char *name, *unit; /* of the last column */
};

static void test_headers(void **unused)
{
	static const struct header_row rows[] = {
		{"t_s,F_N\n", "0.@,1.5", 0, 0, "F_N", "N"},
		{"Time [ms],Force (mN)\n", "0.@,1.5", 0, 0, "Force (mN)", "mN"},
		{"Time,Force\ns,kgf\n", "0.@,1.5", 0, 0, "Force", "kgf"},
		{"s,N\nTime,Force\n", "0.@,1.5", 0, 0, "Force", "N"},
		{"a,b_m\n", "0.@,1.5", 0, -1, "b_m", ""},
		{"Sample rate: 5000 Hz\nF\n", "0.@", 5000, -1, "F", ""},
		{"Sampling rate (kHz):,5\na,F\n", "0.@,1.5", 5000, -1, "F", ""},
		{"Interval (ms)=0.2\nF / N\n", "0.@", 5000, -1, "F / N", "N"},
		{"5000 samples/sec\nF\n", "0.@", 5000, -1, "F", ""},
		{"Abtastrate;5000\na;F\n", "0,@;1,5", 5000, -1, "F", ""},
		{"Baud rate: 9600\nF\n", "0.@", 0, -1, "F", ""},
		{"Rate: 150\nF\n", "0.@", 0, -1, "F", ""}, /* of what, it does not say: a pen has one, too */
		{"Rate: 150 Hz\nF\n", "0.@", 0, -1, "F", ""},
		{"Rate: 5 kS/s\nF\n", "0.@", 5000, -1, "F", ""},
		{"Rate;5000;samples/s\na;F\n", "0,@;1,5", 5000, -1, "F", ""},
		{"Channel N,Channel M\n", "0.@,1.5", 0, -1, "Channel M", ""},
		{"a,Channel N\n", "0.@,1.5", 0, -1, "Channel N", ""},
		{"a,sensor_N\n", "0.@,1.5", 0, -1, "sensor_N", ""},
		{"a,Channel mN\n", "0.@,1.5", 0, -1, "Channel mN", "mN"},
		{"a,Channel (N)\n", "0.@,1.5", 0, -1, "Channel (N)", "N"},
		{"a,Fz1 N\n", "0.@,1.5", 0, -1, "Fz1 N", "N"},
		{"Pulse s,Druckkraft N\n", "0.@,1.5", 0, -1, "Druckkraft N", "N"},
		{"a,Channel C\n", "0.@,1.5", 0, -1, "Channel C", ""},
		{"a,Handle temperature C\n", "0.@,1.5", 0, -1, "Handle temperature C", "C"},
	};
	static struct recording_layout layout;
	(void)unused;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct recording_wish wish = {.gaps = false};
		struct text_dialect d;
		struct err err = {""};
		unsigned n = write_lines(rows[i].head, rows[i].row, 300);
		assert_int_equal(text_dialect_find(line, n, &wish, &d, &err), 0);
		layout = (struct recording_layout){.rate_hz = NAN, .time_column = -1, .time_unit_s = NAN};
		text_header_read(line, n, &d, &layout);
		if (rows[i].rate_hz > 0)
			assert_true(fabs(layout.rate_hz / rows[i].rate_hz - 1) < 1e-12);
		else
			assert_true(isnan(layout.rate_hz));
		assert_int_equal(layout.time_column, rows[i].time_column);
		assert_string_equal(layout.column[layout.columns - 1].name, rows[i].name);
		assert_string_equal(layout.column[layout.columns - 1].unit, rows[i].unit);
		bool doubted = strncmp(rows[i].head, "Rate: 150", 9) == 0;
		assert_string_equal(layout.rate_doubt, doubted ? strncmp(rows[i].head + 9, " Hz", 3)
									 ? "line 1, Rate 150"
									 : "line 1, Rate 150 Hz"
							       : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_decided),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
