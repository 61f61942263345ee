/* When a window may end: by uncertainties that the plan names, at fixed samples however these came, and never while a
 * check waits for more of the signal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rig/estimate/estimator.h"
#include "tests/bench/pen_trial.h"

/* ---- what is enough ---- */

static struct result known_to(enum measurand id, const char *method, double u)
{
	struct result r = {.valid = true, .trusted = true, .expanded_u = u, .n = 26};

	result_name(&r, id, method);
	return r;
}

static void all_that_is_named(void **state)
{
	const struct plan plan = {.judge_nominal_rate = false};
	const struct window window = {.targets = 2, .target = {{MEASURAND_DEPTH, 0.01}, {MEASURAND_STROKE_RATE, 0.02}}};
	struct result r[] = {known_to(MEASURAND_DEPTH, "force_equivalent", 0.01),
			     known_to(MEASURAND_STROKE_RATE, "realised", 0.018)};

	(void)state;
	assert_true(until_met(&plan, &window, r, 2, NULL, 0));
	assert_false(until_met(&plan, &window, r, 1, NULL, 0));
	r[0].expanded_u = 0.0101;
	assert_false(until_met(&plan, &window, r, 2, NULL, 0));
	r[0].expanded_u = NAN;
	assert_false(until_met(&plan, &window, r, 2, NULL, 0));
	r[0] = known_to(MEASURAND_DEPTH, "force_equivalent", 0.009);
	r[0].valid = false;
	assert_false(until_met(&plan, &window, r, 2, NULL, 0));
	r[0] = known_to(MEASURAND_DEPTH, "displacement", 0.001);
	assert_false(until_met(&plan, &window, r, 2, NULL, 0));
	r[0] = known_to(MEASURAND_DEPTH, "force_equivalent", 0.009);
	r[0].n = r[1].n = 25; /* of few strokes a rate's own uncertainty is a guess, a depth's is not */
	assert_false(until_met(&plan, &window, r, 2, NULL, 0));
	r[1].n = 26;
	assert_true(until_met(&plan, &window, r, 2, NULL, 0));
	r[1].expanded_u = 0.019; /* what comes behind the window may widen it beyond the target */
	assert_false(until_met(&plan, &window, r, 2, NULL, 0));
}

static void by_the_judged_method(void **state)
{
	const struct plan plan = {.judge_nominal_rate = true, .judge_displacement = true};
	const struct window window = {.targets = 2, .target = {{MEASURAND_DEPTH, 0.01}, {MEASURAND_STROKE_RATE, 0.02}}};
	struct result r[] = {
		known_to(MEASURAND_DEPTH, "force_equivalent", 1), known_to(MEASURAND_DEPTH, "displacement", 0.005),
		known_to(MEASURAND_STROKE_RATE, "realised", 1), known_to(MEASURAND_STROKE_RATE, "nominal", 0.01)};

	(void)state;
	assert_true(until_met(&plan, &window, r, 4, NULL, 0));
	r[3].expanded_u = 0.03;
	assert_false(until_met(&plan, &window, r, 4, NULL, 0));
}

static void checks_are_not_chosen(void **state)
{
	const struct plan plan = {.judge_nominal_rate = false};
	const struct window window = {.targets = 1, .target = {{MEASURAND_DEPTH, 0.01}}};
	struct result r = known_to(MEASURAND_DEPTH, "force_equivalent", 0.005);
	struct check_result check[2] = {{.state = CHECK_PASSED}, {.state = CHECK_PASSED}};

	(void)state;
	assert_true(until_met(&plan, &window, &r, 1, check, 2));
	check[1].state = CHECK_NOT_MADE;
	assert_false(until_met(&plan, &window, &r, 1, check, 2));
	r.trusted = false;
	check[1].state = CHECK_TRIPPED;
	assert_true(until_met(&plan, &window, &r, 1, check, 2));
	check[1].state = CHECK_PASSED;
	assert_false(until_met(&plan, &window, &r, 1, check, 2));
}

/* ---- at which samples ---- */

static void no_look_into_a_gap(void **state)
{
	const struct window window = {.min_s = 0.5, .max_s = 9, .targets = 1};
	struct until u = {.window = &window, .fs_hz = 1000, .next = UINT64_MAX};

	(void)state;
	until_feed(&u, 800, 1000);
	until_window(&u, 1000);
	until_feed(&u, 1000, 1400);
	until_feed(&u, 1450, 1480); /* a gap between two looks */
	assert_int_equal(u.next, 1500);
	until_feed(&u, 1480, 1500);
	assert_int_equal(u.next, 1500);
	until_feed(&u, 1500, 1600); /* none: it is looked at before these */
	assert_int_equal(u.next, 1500);
	u.next = 1750;
	until_feed(&u, 1600, 1700);
	until_feed(&u, 1751, 1760);
	assert_int_equal(u.next, 2000);
	until_feed(&u, 2000, 2010); /* up to the very sample */
	assert_int_equal(u.next, 2250);
	until_feed(&u, 2800, 2810); /* over three of them */
	assert_int_equal(u.next, 3000);
	u.next = UINT64_MAX;
	until_feed(&u, 5000, 5010);
	assert_int_equal(u.next, UINT64_MAX);
}

#define TARGET_HZ 0.0005

static struct pen_trial trial;

struct stage {
	struct plan plan;
	struct plan_step step;
	struct bench bench;
	struct channel force;
	struct record *record;
	struct estimator estimator;
};

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct curve_set *set;

	if (!s)
		abort();
	s->plan.rated_ambient_c = NAN;
	s->plan.steps = 1;
	s->plan.step = &s->step;
	s->step.measure =
		(struct window){.min_s = 0.5, .max_s = 3, .targets = 1, .target = {{MEASURAND_STROKE_RATE, TARGET_HZ}}};
	s->force = (struct channel){.name = "force",
				    .unit = "N",
				    .quantity = QUANTITY_FORCE,
				    .bits = 16,
				    .rate_hz = pen_regimes[2].fs_hz,
				    .scale = PEN_LSB_N};
	s->bench.mains_hz = 50;
	s->bench.ambient_lo_c = 20;
	s->bench.ambient_hi_c = 25;
	s->bench.phantoms = s->bench.devices = 1;
	s->bench.device[0] = (struct bench_device){.roles = ROLE_BIT(ROLE_LOAD_SENSOR), .clock_ppm = 0.1};
	s->bench.sensor.force_range_lo_n = -10;
	s->bench.sensor.force_range_hi_n = 10;
	s->bench.sensor.preload_hi_n = 1;
	snprintf(s->bench.sensor.tare_free, sizeof(s->bench.sensor.tare_free), "said");
	set = &s->bench.phantom[0].curves;
	set->rates = 1;
	set->at[0].rate_hz = trial.rate_hz;
	set->at[0].points = 61;
	for (unsigned i = 0; i < 61; i++) {
		set->at[0].depth_mm[i] = 0.05 * i;
		set->at[0].force_n[i] = pen_force(0.05 * i);
	}
	s->record = record_new();
	*state = s;
	return s->record ? 0 : -1;
}

static int tear_down(void **state)
{
	struct stage *s = *state;

	estimator_release(&s->estimator);
	record_free(s->record);
	free(s);
	return 0;
}

static struct record_point *begin_point(struct stage *s)
{
	const struct estimator_device sensor = {
		.channels = &s->force, .channel_count = 1, .bench = &s->bench.device[0]};
	struct record_point *point = record_add_point(s->record);
	struct err err;

	estimator_release(&s->estimator);
	assert_int_equal(estimator_init(&s->estimator, &s->plan, &s->bench, &sensor, false, &err), 0);
	s->estimator.ends_windows = true;
	point->plan = (struct plan_point){.depth_mm = trial.depth_mm, .rate_hz = trial.rate_hz};
	assert_int_equal(estimator_begin(&s->estimator, point, 1, NULL, NULL), 0);
	return point;
}

/* Up to the sample `to`, in pieces; stops where the window may end. */
static void feed(struct stage *s, uint64_t *from, uint64_t to, uint32_t piece)
{
	while (*from < to && !estimator_reached(&s->estimator)) {
		uint32_t n = to - *from < piece ? (uint32_t)(to - *from) : piece;
		const struct sample_block block = {.channels = 1,
						   .frames = n,
						   .first_index = *from,
						   .host_ns = *from * 100000 + 5,
						   .counts = trial.counts + *from};

		estimator_block(&s->estimator, &block);
		*from += n;
	}
}

static uint64_t measure_from(void)
{
	return (uint64_t)ceil(trial.measure_s * trial.true_fs_hz);
}

/* Where the window may end, fed in such pieces; 0: it may not. */
static uint64_t end_of(struct stage *s, uint32_t piece)
{
	struct record_point *point = begin_point(s);
	uint64_t at = 0;

	estimator_phase(&s->estimator, point, POINT_TARE, 10);
	feed(s, &at, (uint64_t)(PEN_START_S * trial.true_fs_hz), piece);
	estimator_phase(&s->estimator, point, POINT_SPIN_UP, 20);
	feed(s, &at, measure_from(), piece);
	estimator_phase(&s->estimator, point, POINT_MEASURE, 30);
	feed(s, &at, trial.samples, piece);
	return estimator_reached(&s->estimator) ? s->estimator.until.reached_at : 0;
}

static void at_the_same_sample_however_they_came(void **state)
{
	struct stage *s = *state;
	uint64_t end = end_of(s, 100);
	double looks = ((double)(end - measure_from()) / s->force.rate_hz - 0.5) / UNTIL_EVERY_S;

	assert_true(end > 0);
	assert_true(looks >= 1 && looks == floor(looks)); /* else the target says nothing: take another */
	assert_int_equal(end_of(s, 1), end);
	assert_int_equal(end_of(s, 9973), end);
	assert_int_equal(end_of(s, 2500), end);
}

static void told_in_the_end(void **state)
{
	struct stage *s = *state;
	struct record_point *point;

	assert_true(end_of(s, 100) > 0);
	point = &s->record->point[0];
	estimator_phase(&s->estimator, point, POINT_COAST, 40);
	estimator_end(&s->estimator, point, 50, true);
	assert_int_equal(point->targets, 1);
	assert_string_equal(point->target[0].measurand, "stroke_rate_hz");
	assert_true(point->target[0].reached && point->target[0].u <= TARGET_HZ &&
		    point->target[0].wanted_u == TARGET_HZ);
}

static void never_where_it_stays_unknown(void **state)
{
	struct stage *s = *state;
	struct record_point *point;

	s->step.measure.target[0].u = 1e-5;
	assert_int_equal(end_of(s, 100), 0);
	point = &s->record->point[0];
	estimator_phase(&s->estimator, point, POINT_COAST, 40);
	estimator_end(&s->estimator, point, 50, true);
	assert_false(point->target[0].reached);
	assert_true(point->target[0].u > 1e-5);
}

static void nobody_asks_in_a_replay(void **state)
{
	struct stage *s = *state;
	struct record_point *point = begin_point(s);
	uint64_t at = 0;

	estimator_end(&s->estimator, point, 2, false);
	assert_int_equal(point->targets, 0);
	s->estimator.ends_windows = false;
	assert_int_equal(estimator_begin(&s->estimator, point, 1, NULL, NULL), 0);
	estimator_phase(&s->estimator, point, POINT_MEASURE, 30);
	feed(s, &at, trial.samples, 100);
	assert_false(estimator_reached(&s->estimator));
	assert_int_equal(at, trial.samples);
}

int main(void)
{
	struct pen_regime longer = pen_regimes[2];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_is_named),
		cmocka_unit_test(by_the_judged_method),
		cmocka_unit_test(checks_are_not_chosen),
		cmocka_unit_test(no_look_into_a_gap),
		cmocka_unit_test_setup_teardown(at_the_same_sample_however_they_came, set_up, tear_down),
		cmocka_unit_test_setup_teardown(told_in_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(never_where_it_stays_unknown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_asks_in_a_replay, set_up, tear_down),
	};

	longer.measure_s = 2.5;
	pen_draw(&trial, &longer, 11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
