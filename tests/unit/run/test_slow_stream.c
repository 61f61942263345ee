/* The road from blocks to a point's results, where no device and no loop is needed: what a slow stream that dies does
 * to the temperatures. The estimators themselves are tested in tests/unit/measure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rig/run/estimating.h"
#include "rig/run/plan.h"

#define FS_HZ     20000.0
#define BLOCK     100 /* 5 ms */
#define BLOCK_NS  5000000ull
#define SLOW_EACH 20 /* blocks: 10 readings a second */

static const struct channel channels[] = {
	{.name = "force",
	 .unit = "N",
	 .quantity = QUANTITY_FORCE,
	 .bits = 24,
	 .rate_hz = FS_HZ,
	 .scale = 1e-6,
	 .range_lo = -10,
	 .range_hi = 10,
	 .noise_rms = 1e-3},
	{.name = "handle",
	 .unit = "degC",
	 .quantity = QUANTITY_TEMPERATURE,
	 .stream = 1,
	 .bits = 16,
	 .rate_hz = 10,
	 .scale = 0.01,
	 .range_lo = -40,
	 .range_hi = 150},
};

struct feed {
	struct estimating e;
	uint64_t blocks, slow;
	bool slow_alive;
};

static void feed(struct feed *f, unsigned blocks)
{
	for (unsigned i = 0; i < blocks; i++, f->blocks++) {
		int32_t counts[BLOCK], reading = 2300;
		for (unsigned k = 0; k < BLOCK; k++)
			counts[k] = 300000 + (int32_t)((k * 7919u + i * 104729u) % 3001u) - 1500;
		struct sample_block force = {.channels = 1,
					     .frames = BLOCK,
					     .first_index = f->blocks * BLOCK,
					     .host_ns = (f->blocks + 1) * BLOCK_NS,
					     .counts = counts};
		estimating_block(&f->e, &force);
		struct sample_block slow = {.stream = 1,
					    .channels = 1,
					    .frames = 1,
					    .first_index = f->slow,
					    .host_ns = force.host_ns,
					    .counts = &reading};
		if (f->slow_alive && f->blocks % SLOW_EACH == 0) {
			estimating_block(&f->e, &slow);
			f->slow++;
		}
	}
}

static const struct result *handle_after(bool dies, struct record *record)
{
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned count;
	struct err err = {""};
	struct feed f = {.slow_alive = true};
	assert_int_equal(plan_read("fixtures/plans/ci-smoke.json", &plan, &err), 0);
	assert_int_equal(bench_read("fixtures/benches/virtual-usb.json", &bench, &err), 0);
	assert_int_equal(plan_expand(plan, bench, &points, &count, &err), 0);
	assert_int_equal(estimating_init(&f.e, plan, bench, channels, 2, false, &err), 0);
	feed(&f, 40);
	struct record_point *point = record_add_point(record);
	point->plan = points[0];
	assert_int_equal(estimating_begin(&f.e, point, f.blocks * BLOCK_NS, NULL, NULL), 0);
	estimating_phase(&f.e, point, POINT_TARE, f.blocks * BLOCK_NS);
	feed(&f, 60);
	estimating_phase(&f.e, point, POINT_SPIN_UP, f.blocks * BLOCK_NS);
	feed(&f, 100);
	f.slow_alive = !dies;
	estimating_phase(&f.e, point, POINT_MEASURE, f.blocks * BLOCK_NS);
	feed(&f, 300);
	estimating_phase(&f.e, point, POINT_COAST, f.blocks * BLOCK_NS);
	feed(&f, 60);
	estimating_end(&f.e, point, f.blocks * BLOCK_NS, true);
	estimating_release(&f.e);
	free(points);
	plan_free(plan);
	bench_free(bench);
	for (unsigned i = 0; i < point->results; i++)
		if (strcmp(point->result[i].result.name, "handle_temperature_c") == 0)
			return &point->result[i].result;
	return NULL;
}

static void test_a_slow_stream_that_lives(void **state)
{
	(void)state;
	struct record *record = record_new();
	const struct result *handle = handle_after(false, record);
	assert_non_null(handle);
	assert_true(handle->valid);
	assert_true(handle->trusted);
	record_free(record);
}

static void test_a_slow_stream_that_dies(void **state)
{
	(void)state;
	struct record *record = record_new();
	const struct result *handle = handle_after(true, record);
	assert_non_null(handle);
	assert_false(handle->trusted);
	assert_non_null(strstr(handle->reason, "no temperature reading for 1."));
	record_free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_slow_stream_that_lives),
		cmocka_unit_test(test_a_slow_stream_that_dies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
