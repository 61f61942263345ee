/* The plant alone: rate reached, depth setting with its backlash, heat against the motor's data sheet, phantom files.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixtures/virtual/plant.h"

static void make(struct plant *p, const char *serial, uint64_t seed)
{
	struct pen_unit unit;
	struct phantom_truth phantom;

	pen_unit_from(serial, seed, &unit);
	phantom_from_serial("SIL-STD-01", &phantom);
	plant_init(p, &unit, &phantom, 23, seed);
}

/* Runs on for so long; returns the mean rate of the strokes in it. */
static double run(struct plant *p, uint64_t *now_ns, const struct plant_drive *drive, double seconds,
		  double *ret_depth_mm)
{
	double first = 0, last = 0, depth = 0;
	unsigned n = 0;

	for (uint64_t end_ns = *now_ns + (uint64_t)(seconds * 1e9); *now_ns < end_ns; *now_ns += PLANT_STEP_NS) {
		plant_step(p, drive, *now_ns);
		if (!p->stroke_happened)
			continue;
		last = (double)*now_ns * 1e-9 + p->stroke.into_step_s;
		first = n++ ? first : last;
		depth += p->stroke.depth_mm;
	}
	if (ret_depth_mm)
		*ret_depth_mm = n ? depth / n : NAN;
	return n > 1 ? (n - 1) / (last - first) : 0;
}

static void test_good_pens_reach_rate_and_depth(void **state)
{
	static const double rates_hz[] = {60, 120, 300};

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		for (size_t i = 0; i < 3; i++) {
			const struct plant_drive drive = {.on = true, .rate_hz = rates_hz[i], .depth_mm = 2};
			struct plant p;
			uint64_t now_ns = 0;
			double rate, depth;

			make(&p, "PEN-GOOD-01", seed);
			run(&p, &now_ns, &drive, 0.5, NULL);
			rate = run(&p, &now_ns, &drive, 1.5, &depth);
			assert_true(fabs(rate / rates_hz[i] - 1) < 0.01);
			assert_true(fabs(depth - 2) < 0.05);
		}
}

static void test_backlash_depends_on_direction(void **state)
{
	struct plant_drive drive = {.on = true, .rate_hz = 150, .depth_mm = 1};
	struct plant p;
	uint64_t now_ns = 0;
	double up, down;

	(void)state;
	make(&p, "PEN-GOOD-01", 1);
	p.pen.depth_jitter_mm = 0;
	run(&p, &now_ns, &drive, 1, NULL);
	run(&p, &now_ns, &drive, 0.5, &up);
	drive.depth_mm = 2;
	run(&p, &now_ns, &drive, 1, NULL);
	drive.depth_mm = 1;
	run(&p, &now_ns, &drive, 1, NULL);
	run(&p, &now_ns, &drive, 0.5, &down);
	assert_true(fabs(up - down - p.pen.backlash_mm) < 1e-9);
}

/* Winding over handle: 20 K/W with 4.2 s; handle over ambient: 242 s. */
static void test_heat_has_the_data_sheets_time_constants(void **state)
{
	const struct plant_drive drive = {.on = true, .rate_hz = 300, .depth_mm = 0.2};
	struct plant p;
	uint64_t now_ns = 0;
	double at_tau, at_end;

	(void)state;
	make(&p, "PEN-GOOD-01", 1);
	run(&p, &now_ns, &drive, 2420, NULL);
	at_end = p.handle_c - 23;
	make(&p, "PEN-GOOD-01", 1);
	now_ns = 0;
	run(&p, &now_ns, &drive, 242, NULL);
	at_tau = p.handle_c - 23;
	assert_true(at_end > 8 && at_end < 25);
	assert_true(fabs(at_tau / at_end - 0.632) < 0.03);
}

static void test_stops_parked_with_the_needles_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct plant_drive drive = {.on = true, .rate_hz = 60 + 12 * (double)seed, .depth_mm = 3};
		struct plant p;
		uint64_t now_ns = 0;

		make(&p, "PEN-GOOD-01", seed);
		run(&p, &now_ns, &drive, 0.6 + 0.013 * (double)seed, NULL);
		drive.on = false;
		run(&p, &now_ns, &drive, 0.5, NULL);
		assert_true(p.parked);
		assert_true(fabs(p.theta - M_PI) < 1e-9);
	}
}

static void test_shipped_phantoms_are_the_true_ones(void **state)
{
	static const char *const serials[] = {"SIL-SOFT-01", "SIL-STD-01", "SIL-BONE-01"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct phantom_truth phantom;
		char path[64], line[4096], *at;
		unsigned curves = 0;
		double rate = 0;
		FILE *f;

		snprintf(path, sizeof(path), "fixtures/phantoms/%s.json", serials[i]);
		phantom_from_serial(serials[i], &phantom);
		f = fopen(path, "re");
		assert_non_null(f);
		while (fgets(line, sizeof(line), f)) {
			if ((at = strstr(line, "\"rate_hz\": ")))
				rate = strtod(at + 11, NULL);
			if (!(at = strstr(line, "\"force_n\": [")))
				continue;
			at += 12;
			for (int k = 0; k <= 32; k++, at += strspn(at, ", "))
				assert_float_equal(strtod(at, &at), phantom_force(&phantom, 0.1 * k, rate), 2e-5);
			curves++;
		}
		fclose(f);
		assert_int_equal(curves, 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_pens_reach_rate_and_depth),
		cmocka_unit_test(test_backlash_depends_on_direction),
		cmocka_unit_test(test_heat_has_the_data_sheets_time_constants),
		cmocka_unit_test(test_stops_parked_with_the_needles_back),
		cmocka_unit_test(test_shipped_phantoms_are_the_true_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
