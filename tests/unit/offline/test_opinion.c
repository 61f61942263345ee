/* Which results are given a second opinion, through which curve, and that each draws for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "rig/offline/opinion.h"
#include "tests/unit/record/record_sample.h"

#define TRIALS 50000
#define U      0.1

struct desk {
	struct plan plan;
	struct bench bench;
	struct record *record;
	char formed[600]; /* "p0 depth_mm; s0 depth_linearity_mm; " */
};

static void on_formed(void *ctx, const struct record_point *point, unsigned sweep, const struct finding *finding)
{
	struct desk *d = ctx;
	size_t at = strlen(d->formed);
	assert_true(finding->has_opinion && finding->opinion.trials == TRIALS);
	snprintf(d->formed + at, sizeof(d->formed) - at, "%c%u %s; ", point ? 'p' : 's',
		 point ? point->plan.number : sweep, finding->result.name);
}

/* F = 0.3 (exp(0.8 d) - 1). */
static void calibrate(struct phantom *phantom)
{
	struct curve_table *table = &phantom->curves.at[0];
	phantom->curves.rates = 1;
	table->rate_hz = 350.0 / 3;
	table->points = 51;
	for (unsigned i = 0; i < table->points; i++) {
		table->depth_mm[i] = 0.05 * i;
		table->force_n[i] = 0.3 * expm1(0.8 * table->depth_mm[i]);
	}
}

static void gain_alone(struct finding *f)
{
	f->result.budget[0] = (struct budget_line){.name = "calibration", .u = U, .dof = INFINITY};
	f->result.budget_lines = 1;
	result_combine(&f->result);
}

static int set_up(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	if (!d)
		abort();
	d->record = sample_record("/tmp", "r");
	d->bench.phantoms = 1;
	calibrate(&d->bench.phantom[0]);
	for (unsigned i = 0; i < d->record->points; i++)
		gain_alone(&d->record->point[i].result[0]);
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *d = *state;
	record_free(d->record);
	free(d);
	return 0;
}

static void form(struct desk *d)
{
	const struct replay_inputs inputs = {.plan = &d->plan, .bench = &d->bench};
	const struct opinion_request request = {.trials = TRIALS, .seed = 7, .ctx = d, .formed = on_formed};
	struct err err = {""};
	d->formed[0] = '\0';
	assert_int_equal(opinions_form(d->record, &inputs, &request, &err), 0);
}

static const struct carlo_outcome *of_depth(const struct desk *d, unsigned row)
{
	return &d->record->point[row].result[0].opinion;
}

/* How far the middle of the interval lies off the value: what the curve's bend makes of a symmetric input. */
static double bend(const struct desk *d, unsigned row)
{
	const struct carlo_outcome *o = of_depth(d, row);
	return 0.5 * (o->even_lower + o->even_upper) - d->record->point[row].result[0].result.value;
}

static void judged_results_that_count_are_drawn(void **state)
{
	struct desk *d = *state;
	form(d);
	assert_string_equal(d->formed,
			    "p0 depth_mm; p0 stroke_rate_hz; p0 handle_temperature_c; "
			    "p1 depth_mm; p1 stroke_rate_hz; p1 handle_temperature_c; s0 depth_linearity_mm; ");
	d->record->point[0].counts = false;
	d->record->point[1].result[0].result.valid = false;
	d->record->point[1].result[1].result.u = NAN;
	d->record->point[1].result[4].result.u = 0;
	d->record->sweep[0].result[0].has_limit = false;
	form(d);
	assert_string_equal(d->formed, "");
}

static double of_the_curve(double depth_mm)
{
	double force_n = 0.3 * expm1(0.8 * depth_mm), slope = 0.24 * exp(0.8 * depth_mm), end[2];
	for (int k = 0; k < 2; k++)
		end[k] = log1p((force_n + (k ? 1.96 : -1.96) * U * slope) / 0.3) / 0.8;
	return 0.5 * (end[0] + end[1]) - depth_mm;
}

static void a_depth_by_force_goes_through_its_phantom(void **state)
{
	struct desk *d = *state;
	form(d);
	assert_true(fabs(bend(d, 1) - of_the_curve(1.02)) < 4 * of_depth(d, 1)->s);
	assert_true(of_the_curve(1.02) < -8 * of_depth(d, 1)->s); /* or the trials would not tell */
	d->plan.judge_displacement = true;
	form(d);
	assert_true(fabs(bend(d, 1)) < 4 * of_depth(d, 1)->s);
	d->plan.judge_displacement = false;
	d->record->point[1].plan.phantom = 1; /* which the bench does not have */
	form(d);
	assert_true(fabs(bend(d, 1)) < 4 * of_depth(d, 1)->s);
	d->record->point[1].plan.phantom = 0;
	d->record->point[1].plan.rate_hz = 50; /* where it has no curve */
	form(d);
	assert_true(fabs(bend(d, 1)) < 4 * of_depth(d, 1)->s);
}

/* A straight line at 200 Hz. */
static void calibrate_at_another_rate(struct phantom *phantom)
{
	struct curve_table *table = &phantom->curves.at[1];

	*table = phantom->curves.at[0];
	phantom->curves.rates = 2;
	table->rate_hz = 200;
	for (unsigned i = 0; i < table->points; i++)
		table->force_n[i] = 0.5 * table->depth_mm[i];
}

static void a_depth_goes_through_the_curve_at_the_rate_that_was_run(void **state)
{
	struct desk *d = *state;
	struct result *rate = &d->record->point[1].result[1].result;

	calibrate_at_another_rate(&d->bench.phantom[0]);
	rate->value = 350.0 / 3;
	form(d);
	assert_true(fabs(bend(d, 1) - of_the_curve(1.02)) < 4 * of_depth(d, 1)->s);
	rate->value = 230; /* beyond: the last one's */
	form(d);
	assert_true(fabs(bend(d, 1)) < 4 * of_depth(d, 1)->s);
}

static void an_error_is_a_depth_less_its_setpoint(void **state)
{
	struct desk *d = *state;
	struct finding *f = &d->record->point[1].result[0];
	result_name(&f->result, MEASURAND_DEPTH_ERROR, "force_equivalent");
	f->result.value = 0.02;
	form(d);
	assert_true(fabs(bend(d, 1) - of_the_curve(1.02)) < 4 * of_depth(d, 1)->s);
}

static void each_draws_for_itself_and_by_the_seed(void **state)
{
	struct desk *d = *state;
	d->plan.judge_displacement = true; /* the same model, the same budget */
	form(d);
	double first = of_depth(d, 0)->mean - d->record->point[0].result[0].result.value;
	double second = of_depth(d, 1)->mean - d->record->point[1].result[0].result.value;
	assert_true(fabs(first - second) > 1e-3 * U / sqrt(TRIALS));
	struct carlo_outcome before = *of_depth(d, 1);
	form(d);
	assert_memory_equal(&before, of_depth(d, 1), sizeof(before));
}

static void a_clock_that_was_measured_is_normal(void **state)
{
	struct desk *d = *state;
	struct finding *f = &d->record->point[0].result[1];
	strcpy(f->result.budget[0].name, "clock");
	f->result.budget_lines = 1;
	result_combine(&f->result);
	d->record->device[1].clock_applied = true;
	form(d);
	assert_true(fabs(f->opinion.even_upper - f->result.value - 1.96 * f->result.u) < 4 * f->opinion.s);
	d->record->device[1].clock_applied = false;
	form(d);
	assert_true(fabs(f->opinion.even_upper - f->result.value - 1.6454 * f->result.u) < 4 * f->opinion.s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(judged_results_that_count_are_drawn),
		T(a_depth_by_force_goes_through_its_phantom),
		T(a_depth_goes_through_the_curve_at_the_rate_that_was_run),
		T(an_error_is_a_depth_less_its_setpoint),
		T(each_draws_for_itself_and_by_the_seed),
		T(a_clock_that_was_measured_is_normal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
