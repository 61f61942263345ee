/* Rows on their grid: lost ones are found where they are missing, late stamps are no lost rows, and what does not fit is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/timeline.h"

#define ROWS 20000

static double value[ROWS];
static uint64_t found[ROWS];
static struct timeline timeline;
static uint64_t state;

static double uniform(void)
{
	uint64_t z = (state += 0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* Places `rows` rows; the number that were placed, or -1 with err. */
static int place(unsigned rows, struct err *err)
{
	uint64_t index, missing;
	unsigned n = 0;
	int rc = 0;

	for (unsigned i = 0; i <= rows; i++) {
		const struct timeline_row row = {.value = i < rows ? value[i] : 0, .line = i + 1};
		if (i < rows)
			timeline_push(&timeline, &row);
		while ((rc = timeline_next(&timeline, i == rows, &index, &missing, err)) > 0)
			found[n++] = index;
		if (rc < 0)
			return -1;
	}
	return (int)n;
}

static int learn_and_place(unsigned rows, double unit_s, double resolution, double *ret_rate_hz, struct err *err)
{
	double coarse, step = timeline_step(value, rows < TIMELINE_HEAD ? rows : TIMELINE_HEAD, resolution, &coarse),
		       rel;

	assert_false(isnan(step));
	timeline_init(&timeline, unit_s, resolution * unit_s, step * unit_s, coarse * unit_s, true);
	int n = place(rows, err);
	double rate_hz = timeline_rate_hz(&timeline, &rel);
	*ret_rate_hz = timeline_round(rate_hz, rel);
	timeline_init(&timeline, unit_s, resolution * unit_s, 1 / *ret_rate_hz, coarse * unit_s, false);
	return n < 0 ? n : place(rows, err);
}

/* Times of rows of which each is lost with a chance, printed with a resolution, and stamped late by some jitter. */
static unsigned make(double rate_hz, double resolution, double lost, double jitter, uint64_t *ret_index)
{
	unsigned n = 0;

	for (uint64_t i = 0; n < ROWS; i++) {
		double at = (double)i / rate_hz + jitter * uniform() / rate_hz;
		if (i > 0 && uniform() < lost)
			continue;
		value[n] = resolution > 0 ? floor(at / resolution + 0.5) * resolution : at;
		ret_index[n++] = i;
	}
	return n;
}

static void test_lost_rows(void **unused)
{
	static uint64_t index[ROWS];
	static const struct {
		double rate_hz, resolution, lost, jitter;
	} rows[] = {{5000, 0, 0, 0},         {5000, 1e-4, 0, 0},     {5000, 1e-4, 0.02, 0}, {5000, 1e-6, 0.2, 0},
		    {8000, 1e-6, 0.01, 0.3}, {48000, 0, 0.001, 0.4}, {51200, 1e-5, 0.02, 0}};
	struct err err = {""};
	(void)unused;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double rate_hz;
		state = i + 1;
		unsigned n = make(rows[i].rate_hz, rows[i].resolution, rows[i].lost, rows[i].jitter, index);
		int placed = learn_and_place(n, 1, rows[i].resolution, &rate_hz, &err);
		if (placed < 0)
			print_error("row %zu: %s\n", i, err.text);
		assert_int_equal(placed, n);
		assert_true(fabs(rate_hz / rows[i].rate_hz - 1) < 1e-5);
		assert_memory_equal(found, index, n * sizeof(index[0]));
	}
}

/* Stamps of a millisecond at 8 000 rows a second: eight rows to each. */
static void test_coarse(void **unused)
{
	static uint64_t index[ROWS];
	struct err err = {""};
	double rate_hz;
	(void)unused;

	state = 3;
	unsigned n = make(8000, 1e-3, 0, 0, index);
	assert_int_equal(learn_and_place(n, 1, 1e-3, &rate_hz, &err), n);
	assert_true(fabs(rate_hz / 8000 - 1) < 1e-3);
	assert_memory_equal(found, index, n * sizeof(index[0]));
	for (unsigned i = 0; i < n; i++) /* 40 rows lost: five stamps */
		value[i] += i >= 9000 ? 5e-3 : 0;
	assert_int_equal(learn_and_place(n, 1, 1e-3, &rate_hz, &err), n);
	assert_true(fabs((double)(found[n - 1] - index[n - 1]) - 40) <= 4);
	assert_int_equal(found[8900], 8900);
}

static void test_one_late_stamp(void **unused)
{
	struct err err = {""};
	double rate_hz;
	(void)unused;

	for (unsigned i = 0; i < 3000; i++)
		value[i] = i / 5000.0 + (i == 1500 ? 0.00019 : 0);
	assert_int_equal(learn_and_place(3000, 1, 0, &rate_hz, &err), 3000);
	assert_int_equal(found[1500], 1500);
	assert_int_equal(found[2999], 2999);
}

static void test_refused(void **unused)
{
	struct err err = {""};
	double rate_hz;
	(void)unused;

	for (unsigned i = 0; i < 3000; i++)
		value[i] = i / 5000.0 - (i >= 1500 ? 0.01 : 0);
	assert_int_equal(learn_and_place(3000, 1, 0, &rate_hz, &err), -1);
	assert_non_null(strstr(err.text, ":1501: "));
	assert_non_null(strstr(err.text, "goes back"));
	for (unsigned i = 0; i < 3000; i++)
		value[i] = i / 5000.0 - (i >= 1500 ? 0.00019 : 0); /* a row that stands there twice */
	assert_int_equal(learn_and_place(3000, 1, 0, &rate_hz, &err), -1);
	assert_non_null(strstr(err.text, "too early"));
	for (unsigned i = 0; i < 3000; i++)
		value[i] = i / 5000.0 + (i >= 1500 ? 1e6 : 0); /* another day's recording */
	assert_int_equal(learn_and_place(3000, 1, 0, &rate_hz, &err), -1);
	assert_non_null(strstr(err.text, ":1501: "));
	assert_non_null(strstr(err.text, "more than a day"));
}

static void test_counted(void **unused)
{
	struct err err = {""};
	(void)unused;

	for (unsigned i = 0; i < 100; i++)
		value[i] = 7 + i + (i >= 50 ? 3 : 0);
	timeline_init(&timeline, 0, 0, 1, 0, false);
	assert_int_equal(place(100, &err), 100);
	assert_int_equal(found[49], 49);
	assert_int_equal(found[50], 53);
	value[60] = value[59];
	timeline_init(&timeline, 0, 0, 1, 0, false);
	assert_int_equal(place(100, &err), -1);
	assert_non_null(strstr(err.text, ":61: "));
}

static void test_no_time(void **unused)
{
	struct err err = {""};
	(void)unused;

	for (unsigned i = 0; i < 100; i++)
		value[i] = i % 7 == 0 ? NAN : i / 100.0;
	timeline_init(&timeline, 1, 0, 0.01, 0, false);
	assert_int_equal(place(100, &err), 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(found[i], i);
}

static void test_round(void **unused)
{
	(void)unused;

	assert_true(timeline_round(5000.0000001, 1e-9) == 5000);
	assert_true(timeline_round(5000.4, 1e-5) == 5000.4);
	assert_true(timeline_round(3333.3333, 1e-4) == 3333);
	assert_true(timeline_round(5123.4, 0.1) == 5123.4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_rows), cmocka_unit_test(test_coarse),  cmocka_unit_test(test_one_late_stamp),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_counted), cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
