/* A free run's rate from the needle bar's displacement, and the droop against it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rig/measure/freerun.h"

#define FS    20000.0
#define BLOCK 100

struct bar {
	double rate_hz, travel_mm, force_n, step_at; /* step_at: sample from which the bar stands still */
	uint64_t lost_from, lost_to;                 /* samples that never arrive */
	uint64_t blind_from, blind_to;               /* where the force says nothing: */
	int32_t blind_count;                         /* it stands there */
};

static double bar_at(const struct bar *bar, double sample)
{
	double t = fmin(sample, bar->step_at) / FS;

	return -bar->travel_mm / 2 * (1 - cos(2 * M_PI * bar->rate_hz * t));
}

static void feed(struct free_run *run, const struct bar *bar, uint64_t from, uint64_t to)
{
	int32_t counts[2 * BLOCK];

	for (uint64_t at = from; at < to; at += BLOCK) {
		struct sample_block block = {
			.channels = 2, .frames = BLOCK, .first_index = at, .counts = counts, .host_ns = at + 1};
		for (unsigned i = 0; i < BLOCK; i++) {
			double mm = bar_at(bar, (double)(at + i));
			counts[2 * i] = (int32_t)lrint((0.3 + bar->force_n * (mm > -0.2)) * 1e6) + (int32_t)(i % 3);
			if (at + i >= bar->blind_from && at + i < bar->blind_to)
				counts[2 * i] = bar->blind_count;
			counts[2 * i + 1] = (int32_t)lrint(mm * 1e6);
		}
		if (at < bar->lost_from || at >= bar->lost_to)
			free_run_feed(run, &block);
	}
}

static void measure(const struct bar *bar, struct result *ret)
{
	const struct free_run_config config = {
		.fs_hz = FS,
		.rate_set_hz = 120,
		.bar = {.position = 1, .scale = 1e-6, .count_lo = -8388607, .count_hi = 8388607, .noise = 0.001},
		.u_clock_rel = 1e-5,
		.force = {.fs_hz = FS,
			  .channel = {.scale = 1e-6, .count_lo = -8388607, .count_hi = 8388607},
			  .still_n = 0.02}};
	struct free_run run;

	free_run_init(&run, &config);
	free_run_phase(&run, POINT_TARE, 0);
	feed(&run, &(struct bar){.step_at = 0}, 0, 4000);
	free_run_phase(&run, POINT_SPIN_UP, 4000);
	feed(&run, bar, 4000, 14000);
	free_run_phase(&run, POINT_MEASURE, 14000);
	feed(&run, bar, 14000, 44000);
	free_run_phase(&run, POINT_COAST, 44000);
	feed(&run, bar, 44000, 50000);
	free_run_finish(&run, ret);
}

static const struct bar good = {.rate_hz = 117.3, .travel_mm = 2.5, .step_at = INFINITY};

static void test_rate(void **state)
{
	struct result r;

	(void)state;
	measure(&good, &r);
	assert_string_equal(r.name, "free_rate_hz");
	assert_true(r.valid && r.trusted);
	assert_true(fabs(r.value / 117.3 - 1) < 1e-7);
	assert_true(r.n >= 175 && r.n <= 177);
	assert_true(r.u > 117.3e-5 && r.u < 117.3e-4);
}

static void expect_doubt(const struct bar *bar, const char *why)
{
	struct result r;

	measure(bar, &r);
	assert_false(r.trusted);
	assert_non_null(strstr(r.reason, why));
}

static void test_what_is_not_trusted(void **state)
{
	struct bar bar = good;

	(void)state;
	bar.force_n = 0.1;
	expect_doubt(&bar, "touched something");
	bar = good;
	bar.step_at = 30000;
	expect_doubt(&bar, "stuck"); /* not one count changes in this bar without noise */
	bar = good;
	bar.lost_from = 20000;
	bar.lost_to = 20100;
	expect_doubt(&bar, "missing in the measure window");
	bar = good;
	bar.travel_mm = 0.01;
	expect_doubt(&bar, "too few strokes");
	bar = good;
	bar.travel_mm = 20;
	expect_doubt(&bar, "saturated");
	bar = good;
	bar.rate_hz = 3;
	expect_doubt(&bar, "too few strokes");
	/* outside the window nothing is lost */
	struct result r;
	bar = good;
	bar.lost_from = 45000;
	bar.lost_to = 45100;
	measure(&bar, &r);
	assert_true(r.trusted);
}

/* It is by the force that touching would show. */
static void test_a_force_that_shows_nothing(void **state)
{
	static const struct {
		uint64_t from, to;
		int32_t count;
		bool doubt;
	} trials[] = {
		{20000, 21100, 300000, true},  {20000, 20900, 300000, false}, /* 50 ms are 1000 samples */
		{20000, 20001, 8388607, true}, {5000, 6100, 300000, true},
		{1000, 2900, 300000, false},   {44000, 46000, 300000, false},
	};
	struct result r;

	(void)state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct bar bar = good;
		bar.blind_from = trials[i].from;
		bar.blind_to = trials[i].to;
		bar.blind_count = trials[i].count;
		measure(&bar, &r);
		if (r.trusted == trials[i].doubt ||
		    (strstr(r.reason, "could not be checked") != NULL) != trials[i].doubt)
			fail_msg("trial %u: \"%s\"", i, r.reason);
	}
}

static void test_droop(void **state)
{
	struct result loaded = {.valid = true, .trusted = true, .value = 114, .u = 0.01, .dof = 100, .n = 200}, r;
	struct result jitter = {.valid = true, .trusted = true, .value = 0.1, .n = 100};

	(void)state;
	free_run_droop(120, 0.02, &loaded, &jitter, &r);
	assert_string_equal(r.name, "rate_droop_pct");
	assert_true(r.valid && r.trusted);
	assert_true(fabs(r.value - 5) < 1e-12);
	double u = hypot(hypot(95 * 0.02 / 120, 100 * 0.01 / 120), 0.95 * 0.1 / 10);
	assert_true(fabs(r.u / u - 1) < 1e-9);
	loaded.trusted = false;
	free_run_droop(120, 0.02, &loaded, &jitter, &r);
	assert_true(r.valid && !r.trusted);
	loaded.valid = false;
	free_run_droop(120, 0.02, &loaded, &jitter, &r);
	assert_false(r.valid || r.trusted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_what_is_not_trusted),
		cmocka_unit_test(test_a_force_that_shows_nothing),
		cmocka_unit_test(test_droop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
