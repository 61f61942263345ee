/* Rows of plain numbers: the same numbers, to the bit, as text_number() reads them one by one, and no byte beyond what may be
 * read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/text_number.h"
#include "rig/offline/import/text_rows.h"

static uint64_t state = 11;

static uint64_t draw(uint64_t below)
{
	uint64_t z = (state += 0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return (z ^ z >> 31) % below;
}

/* The text in memory of its very size, so that a sanitizer sees what is read behind it. */
static char *alone(const char *text, size_t len)
{
	char *copy = malloc(len + TEXT_AHEAD);

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(copy + len, draw(2) ? '7' : 0xff, TEXT_AHEAD);
	return copy;
}

static uint32_t rows_of(const struct text_row_form *form, const char *text, double *value, size_t *ret_read)
{
	size_t len = strlen(text);
	char *copy = alone(text, len);
	uint32_t rows;

	*ret_read = (size_t)(text_rows(form, copy, copy + len, 100, value, &rows) - copy);
	free(copy);
	return rows;
}

static int put_number(char *to, size_t room, char decimal)
{
	static const char *const sign[] = {"", "", "-", "+"};
	const char *before = sign[draw(4)];
	int digits = (int)draw(13) + 1;
	unsigned long long whole = draw(2) ? draw(10) : draw(100000000), part = draw(1ull << 40);

	switch (draw(6)) {
	case 0: return snprintf(to, room, "%s%llu", before, whole);
	case 1: return snprintf(to, room, "%s%llu%ce%d", before, whole, draw(2) ? '.' : 'E', (int)draw(9));
	case 2: return snprintf(to, room, "%s%c%llu", before, decimal, part);
	case 3: return snprintf(to, room, "%llu%c", whole, decimal);
	default:
		return snprintf(to, room, "%s%llu%c%0*llu", before, whole, decimal, digits,
				part % (1ull << (3 * digits)));
	}
}

/* Cell by cell, as the header of text_rows.h says. */
static bool row_by_cells(const struct text_row_form *form, const char *at, double *value)
{
	for (unsigned i = 0; i < form->columns; i++) {
		size_t len = strcspn(at, (char[]){form->separator, '\r', '\n', '\0'});
		value[i] = NAN;
		if (form->wanted[i]) {
			at += *at == ' ';
			at = text_number(at, form->decimal, &value[i]);
			if (!at)
				return false;
		} else {
			at += len;
		}
		if (i + 1 < form->columns && *at++ != form->separator)
			return false;
	}
	return strcmp(at, "\n") == 0 || strcmp(at, "\r\n") == 0;
}

static void test_as_cell_by_cell(void **unused)
{
	unsigned good = 0;
	(void)unused;

	for (unsigned trial = 0; trial < 200000; trial++) {
		struct text_row_form form = {.separator = ";\t"[draw(2)], .decimal = ".,"[draw(2)]};
		char text[512];
		int n = 0;
		form.columns = (unsigned)draw(4) + 1;
		for (unsigned i = 0; i < form.columns; i++) {
			form.wanted[i] = draw(4) > 0;
			n += snprintf(text + n, 4, "%s%s", i ? (char[]){form.separator, '\0'} : "", draw(4) ? "" : " ");
			n += put_number(text + n, 64, form.decimal);
		}
		snprintf(text + n, 8, "%s\n", draw(3) ? "" : "\r");
		double value[8], right[8];
		size_t read;
		bool plain = row_by_cells(&form, text, right);
		assert_int_equal(rows_of(&form, text, value, &read), plain);
		assert_int_equal(read, plain ? strlen(text) : 0);
		for (unsigned i = 0; plain && i < form.columns; i++)
			assert_true(form.wanted[i] ? memcmp(&value[i], &right[i], sizeof(value[i])) == 0
						   : isnan(value[i]));
		good += plain;
	}
	assert_in_range(good, 100000, 199999); /* both kinds were seen */
}

static void test_many_rows_up_to_the_first_other(void **unused)
{
	static const struct {
		const char *text;
		uint32_t rows;
	} of[] = {
		{"1,2\n3,4\n", 2},         {"1,2\n3,4\n5\n", 2},  {"1,2\n3,4\n5,6,7\n8,9\n", 2},
		{"1,2\n\n3,4\n", 1},       {"1,2\n3,\"4\"\n", 1}, {"1,2\n3,nan\n", 1},
		{"1,2\n3, 4\n5,  6\n", 2}, {"1,2\r\n3,4\r\n", 2}, {"1,2.5:\n", 0},
		{"1,2.5/\n", 0},           {"x,2\n", 0},          {"", 0},
	};
	const struct text_row_form form = {.separator = ',', .decimal = '.', .columns = 2, .wanted = {true, true}};
	double value[16];
	size_t read;
	(void)unused;

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		assert_int_equal(rows_of(&form, of[i].text, value, &read), of[i].rows);
		for (uint32_t k = 0; k < 2 * of[i].rows; k++)
			assert_true(value[k] == k + 1);
	}
	static const char three[] = "1,2\n3,4\n5,6\n12345678";
	uint32_t rows;
	assert_ptr_equal(text_rows(&form, three, three + 12, 2, value, &rows),
			 three + 8); /* as many as there is room */
	assert_int_equal(rows, 2);
}

/* Whatever stands in a cell that is not wanted, its end is found, wherever it lies among eight bytes. */
static void test_cells_that_are_not_read(void **unused)
{
	const struct text_row_form form = {.separator = ',', .decimal = '.', .columns = 2, .wanted = {false, true}};
	char text[80], cell[40];
	double value[2];
	size_t read;
	(void)unused;

	for (int len = 0; len < 30; len++) {
		for (int i = 0; i < len; i++)
			cell[i] = "0aZ-+.;#\x7f\xc3\xff:"[draw(12)];
		cell[len] = '\0';
		snprintf(text, sizeof(text), "%s,0.125\n", cell);
		assert_int_equal(rows_of(&form, text, value, &read), 1);
		assert_true(value[1] == 0.125 && isnan(value[0]));
		for (const char *other = "\"\t\n\r"; *other && len; other++) { /* no plain cell: another's business */
			text[draw((uint64_t)len)] = *other;
			assert_int_equal(rows_of(&form, text, value, &read), 0);
			assert_int_equal(read, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_cell_by_cell),
		cmocka_unit_test(test_many_rows_up_to_the_first_other),
		cmocka_unit_test(test_cells_that_are_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
