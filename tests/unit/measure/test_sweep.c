/* Linearity and hysteresis: right values, errors that cancel where they are common, intervals that cover. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/draws.h"
#include "rig/measure/sweep.h"

#define POINTS_MAX 30

struct made {
	struct result depth[POINTS_MAX], results[2];
	struct sweep_point points[POINTS_MAX];
	unsigned count;
};

static void add_point(struct made *m, double setpoint_mm, double depth_mm, bool upward)
{
	struct result *depth = &m->depth[m->count];

	*depth = (struct result){.valid = true, .trusted = true, .value = depth_mm};
	result_name(depth, MEASURAND_DEPTH, "force_equivalent");
	m->points[m->count++] = (struct sweep_point){.setpoint_mm = setpoint_mm, .depth = depth, .upward = upward};
}

static void add_line(struct made *m, unsigned point, const char *name, double u_mm)
{
	struct result *depth = &m->depth[point];
	struct budget_line *line = &depth->budget[depth->budget_lines++];

	*line = (struct budget_line){.u = u_mm, .dof = INFINITY};
	snprintf(line->name, sizeof(line->name), "%s", name);
}

static void add_lines(struct made *m, const char *name, double u_mm)
{
	for (unsigned i = 0; i < m->count; i++)
		add_line(m, i, name, u_mm);
}

static void finish(struct made *m)
{
	for (unsigned i = 0; i < m->count; i++)
		result_combine(&m->depth[i]);
	assert_int_equal(sweep_results(m->points, m->count, m->results), 2);
}

static void make_four_points(struct made *m)
{
	m->count = 0;
	add_point(m, 0.5, 0.50, true);
	add_point(m, 1.0, 1.03, true);
	add_point(m, 1.5, 1.50, true);
	add_point(m, 1.0, 0.99, false);
}

static void what_is_known_exactly_comes_out_exactly(void **state)
{
	struct made m;

	(void)state;
	make_four_points(&m);
	finish(&m);
	check_near(m.results[0].value, 0.025, 1e-9);
	check_near(m.results[1].value, 0.04, 1e-9);
	assert_true(m.results[0].valid && m.results[0].trusted && m.results[1].valid && m.results[1].trusted);
	assert_int_equal(m.results[0].n, 4);
	assert_int_equal(m.results[1].n, 1);
	m.count = 3;
	finish(&m);
	assert_true(m.results[0].valid && !m.results[1].valid && m.results[1].reason[0] != '\0');
	m.count = 2;
	finish(&m);
	assert_true(!m.results[0].valid && !m.results[0].trusted);
}

static void small_errors_of_its_own_come_out_as_they_add_up(void **state)
{
	struct made m;

	(void)state;
	make_four_points(&m);
	add_lines(&m, "repeatability", 0.001);
	finish(&m);
	check_near(m.results[1].value, 0.04, 1e-4);
	check_near(m.results[1].u, 0.001 * M_SQRT2, 6e-5);
	/* of a residual: the two at 1 mm have 1 - 1/4 of the variance */
	check_near(m.results[0].value, 0.025, 1e-4);
	check_near(m.results[0].u, 0.001 * sqrt(0.75), 6e-5);
}

static void what_all_points_share_cancels(void **state)
{
	struct made m;

	(void)state;
	make_four_points(&m);
	add_lines(&m, "depth reference", 0.02); /* the same shift everywhere: no line and no difference feels it */
	add_lines(&m, "curve fit", 0.02);       /* the same at one setpoint */
	finish(&m);
	check_near(m.results[1].value, 0.04, 1e-9);
	assert_true(m.results[1].u < 1e-9);
	assert_true(m.results[0].u > 0.005);

	make_four_points(&m);
	for (unsigned i = 0; i < m.count; i++) /* a gain: straight over the setpoints, so the line takes it */
		add_line(&m, i, "calibration", 0.01 * m.points[i].setpoint_mm);
	finish(&m);
	check_near(m.results[0].value, 0.025, 1e-9);
	check_near(m.results[1].value, 0.04, 1e-9);
	assert_true(m.results[0].u < 1e-9 && m.results[1].u < 1e-9);
}

static void an_untrusted_depth_takes_the_sweep_with_it(void **state)
{
	struct made m;

	(void)state;
	make_four_points(&m);
	m.depth[2].trusted = false;
	finish(&m);
	assert_false(m.results[0].trusted);
	assert_non_null(strstr(m.results[0].reason, "not trusted"));
}

/* ---- coverage: noise of 1 um, departures from a line or between the ways of some size ---- */

#define NOISE_MM 0.001
#define TRIALS   300

struct trial {
	unsigned setpoints;
	double size_mm;
	bool one; /* all of it at one setpoint */
};

static double shape(const struct trial *t, unsigned i, struct draws *draws)
{
	return t->one ? (i == t->setpoints / 2 ? t->size_mm : 0.0) : t->size_mm * draws_normal(draws);
}

/* Makes a sweep up and down; the truth of both results by the definition. */
static void draw_sweep(const struct trial *t, struct draws *draws, struct made *ret, double ret_truth[2])
{
	struct made exact = {.count = 0};
	double up[POINTS_MAX], down[POINTS_MAX];

	ret->count = 0;
	for (unsigned i = 0; i < t->setpoints; i++) {
		up[i] = shape(t, i, draws);
		down[i] = shape(t, i, draws);
	}
	for (unsigned i = 0; i < 2 * t->setpoints; i++) {
		bool upward = i < t->setpoints;
		unsigned k = upward ? i : 2 * t->setpoints - 1 - i;
		double set = 0.2 + 2.8 * k / (t->setpoints - 1), depth = set + (upward ? up[k] : down[k]);

		if (t->one && !upward)
			depth = set - down[k];
		add_point(&exact, set, depth, upward);
		add_point(ret, set, depth + NOISE_MM * draws_normal(draws), upward);
	}
	add_lines(ret, "repeatability", NOISE_MM);
	finish(&exact);
	finish(ret);
	for (unsigned i = 0; i < 2; i++)
		ret_truth[i] = exact.results[i].value;
}

static void intervals_cover(void **state)
{
	static const struct trial trials[] = {
		{3, 0.01, true}, {6, 0.003, false}, {15, 0.004, false}, {15, 0.002, true}, {15, 0.0, false}};
	struct draws draws;

	(void)state;
	draws_seed(&draws, 11);
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		unsigned inside[2] = {0}, below[2] = {0};

		for (unsigned k = 0; k < TRIALS; k++) {
			double truth[2];
			struct made m;
			draw_sweep(&trials[i], &draws, &m, truth);

			for (unsigned which = 0; which < 2; which++) {
				const struct result *r = &m.results[which];

				inside[which] += fabs(r->value - truth[which]) <= r->expanded_u;
				below[which] += truth[which] <= r->value + r->expanded_u;
			}
		}
		for (unsigned which = 0; which < 2; which++) {
			if (inside[which] < 0.88 * TRIALS || below[which] < 0.92 * TRIALS)
				fail_msg("%u setpoints, %g mm: result %u inside U in %u, below its end in %u of %d",
					 trials[i].setpoints, trials[i].size_mm, which, inside[which], below[which],
					 TRIALS);
			if (trials[i].size_mm >= 0.01 && inside[which] > 0.995 * TRIALS)
				fail_msg("%u setpoints: result %u inside U in %u of %d: U too wide",
					 trials[i].setpoints, which, inside[which], TRIALS);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_exactly_comes_out_exactly),
		cmocka_unit_test(small_errors_of_its_own_come_out_as_they_add_up),
		cmocka_unit_test(what_all_points_share_cancels),
		cmocka_unit_test(an_untrusted_depth_takes_the_sweep_with_it),
		cmocka_unit_test(intervals_cover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
