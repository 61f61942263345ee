/* The road from blocks to a point's results, where no device and no loop is needed: what slow streams that die or
 * leave their range, and pens that do not strike, do to the results. The estimators themselves are tested in
 * tests/unit/measure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/plan.h"
#include "rig/estimate/estimator.h"
#include "tests/unit/estimate/uniform_noise.h"

#define FS_HZ     20000.0
#define BLOCK     100 /* 5 ms */
#define BLOCK_NS  5000000ull
#define SLOW_EACH 20  /* blocks: 10 readings a second */
#define PERIOD    167 /* samples: about 120 strokes a second */
#define PULSE     50

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
	struct estimator e;
	uint64_t blocks, slow;
	unsigned each; /* blocks, from one reading to the next */
	bool slow_alive, strikes;
	int32_t reading;
	uint32_t slow_flags;
};

/* A parabola of 0.4 N once a period. */
static int32_t pulse_at(uint64_t index)
{
	int64_t at = (int64_t)(index % PERIOD) - PERIOD / 2, half = PULSE / 2;
	return at * at < half * half ? (int32_t)(400000 * (half * half - at * at) / (half * half)) : 0;
}

static void feed(struct feed *f, unsigned blocks)
{
	for (unsigned i = 0; i < blocks; i++, f->blocks++) {
		int32_t counts[BLOCK];
		for (unsigned k = 0; k < BLOCK; k++)
			counts[k] = 300000 + uniform_noise(f->blocks * BLOCK + k) +
				    (f->strikes ? pulse_at(f->blocks * BLOCK + k) : 0);
		struct sample_block force = {.channels = 1,
					     .frames = BLOCK,
					     .first_index = f->blocks * BLOCK,
					     .host_ns = (f->blocks + 1) * BLOCK_NS,
					     .counts = counts};
		estimator_block(&f->e, &force);
		struct sample_block slow = {.stream = 1,
					    .channels = 1,
					    .frames = 1,
					    .first_index = f->slow,
					    .host_ns = force.host_ns,
					    .flags = f->slow_flags,
					    .counts = &f->reading};
		if (f->slow_alive && f->blocks % f->each == 0) {
			estimator_block(&f->e, &slow);
			f->slow++;
		}
	}
}

struct trial { /* what the second half of the run looks like */
	bool dies, idle;
	int32_t reading;
	uint32_t flags;
	unsigned each; /* 0: SLOW_EACH */
};

static struct record_point *point_after(struct trial trial, struct record *record)
{
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned count;
	struct err err = {""};
	struct feed f = {.slow_alive = true, .reading = 2300, .each = trial.each ? trial.each : SLOW_EACH};
	struct channel own[2] = {channels[0], channels[1]};
	own[1].rate_hz = 1e9 / (double)(f.each * BLOCK_NS);
	assert_int_equal(plan_read("fixtures/plans/ci-smoke.json", &plan, &err), 0);
	assert_int_equal(bench_read("fixtures/benches/virtual-usb.json", &bench, &err), 0);
	assert_int_equal(plan_expand(plan, bench, &points, &count, &err), 0);
	const struct estimator_device sensor = {
		.channels = own, .channel_count = 2, .bench = bench_device(bench, ROLE_LOAD_SENSOR)};
	assert_int_equal(estimator_init(&f.e, plan, bench, &sensor, false, &err), 0);
	feed(&f, 40);
	struct record_point *point = record_add_point(record);
	point->plan = points[0];
	assert_int_equal(estimator_begin(&f.e, point, f.blocks * BLOCK_NS, NULL, NULL), 0);
	estimator_phase(&f.e, point, POINT_TARE, f.blocks * BLOCK_NS);
	feed(&f, 60);
	estimator_phase(&f.e, point, POINT_SPIN_UP, f.blocks * BLOCK_NS);
	f.strikes = !trial.idle;
	feed(&f, 100);
	f.slow_alive = !trial.dies;
	f.reading = trial.reading;
	f.slow_flags = trial.flags;
	estimator_phase(&f.e, point, POINT_MEASURE, f.blocks * BLOCK_NS);
	feed(&f, 300);
	estimator_phase(&f.e, point, POINT_COAST, f.blocks * BLOCK_NS);
	f.strikes = false;
	feed(&f, 60);
	estimator_end(&f.e, point, f.blocks * BLOCK_NS, true);
	estimator_release(&f.e);
	free(points);
	plan_free(plan);
	bench_free(bench);
	return point;
}

static const struct result *named(const struct record_point *point, const char *name)
{
	for (unsigned i = 0; i < point->results; i++)
		if (strcmp(point->result[i].result.name, name) == 0)
			return &point->result[i].result;
	fail_msg("no result %s", name);
	abort();
}

static void test_a_slow_stream_that_lives(void **state)
{
	(void)state;
	struct record *record = record_new();
	struct record_point *point = point_after((struct trial){.reading = 2310}, record);
	const struct result *handle = named(point, "handle_temperature_c");
	assert_true(handle->valid);
	assert_true(handle->trusted);
	assert_true(named(point, "missed_strokes")->trusted);
	assert_true(named(point, "coast_down_s")->trusted);
	record_free(record);
}

static void test_a_slow_stream_that_dies(void **state)
{
	(void)state;
	struct record *record = record_new();
	struct record_point *point = point_after((struct trial){.dies = true, .reading = 2310}, record);
	const struct result *handle = named(point, "handle_temperature_c");
	assert_false(handle->trusted);
	assert_non_null(strstr(handle->reason, "no temperature reading for 1."));
	record_free(record);
}

/* A reading every 1.25 s is no silence of a channel that gives no more. */
static void test_a_stream_that_is_slower_still(void **state)
{
	(void)state;
	struct record *record = record_new();
	struct trial trial = {.reading = 2310, .each = 250};
	assert_true(named(point_after(trial, record), "handle_temperature_c")->trusted);
	trial.each = 25;
	trial.dies = true;
	assert_false(named(point_after(trial, record), "handle_temperature_c")->trusted);
	record_free(record);
}

static void test_a_slow_channel_beyond_its_range(void **state)
{
	(void)state;
	static const struct trial trials[] = {
		{.reading = -4000}, /* -40 degC, the declared end: an open thermocouple */
		{.reading = -32767},
		{.reading = 15000},
		{.reading = 2310, .flags = SAMPLE_OVER_RANGE},
		{.reading = 2310, .flags = SAMPLE_SATURATED},
	};
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct record *record = record_new();
		struct record_point *point = point_after(trials[i], record);
		const struct result *handle = named(point, "handle_temperature_c");
		assert_false(handle->trusted);
		assert_non_null(strstr(handle->reason, "\"handle\" left its range"));
		assert_true(named(point, "stroke_rate_hz")->trusted);
		record_free(record);
	}
}

static void test_a_pen_that_does_not_strike(void **state)
{
	(void)state;
	static const char *const silent[] = {"handle_temperature_c", "missed_strokes", "double_strokes",
					     "coast_down_s"};
	struct record *record = record_new();
	struct record_point *point = point_after((struct trial){.idle = true, .reading = 2310}, record);
	for (unsigned i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		assert_false(named(point, silent[i])->trusted);
	const struct result *rate = named(point, "stroke_rate_hz"); /* that it stands still was measured */
	assert_true(rate->trusted && rate->value == 0);
	record_free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_slow_stream_that_lives),
		cmocka_unit_test(test_a_slow_stream_that_dies),
		cmocka_unit_test(test_a_stream_that_is_slower_still),
		cmocka_unit_test(test_a_slow_channel_beyond_its_range),
		cmocka_unit_test(test_a_pen_that_does_not_strike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
