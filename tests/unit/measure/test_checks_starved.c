/* A check that has nothing to look at finds nothing: it must not say that all is well. Each check of a good point is deprived of
 * what it looks at, one after the other. */
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/point.c"

#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/stroke_noise.h"
#include "tests/unit/measure/plant_trial.h"

/* A point that is fed and not finished yet. */
struct good {
	struct plant plant;
	struct plant_trial trial;
	struct point_config config;
	struct curve *curve;
	struct point *point;
};

static void start(struct good *g)
{
	g->plant = plant_default(1.0, 120.0, 20000.0);
	plant_generate(&g->trial, &g->plant);
	g->curve = plant_curve(&g->plant);
	g->config = plant_config(&g->plant, g->curve);
	g->config.tare = (struct tare_reference){TARE_LEVEL, g->plant.seating_n, 0.01};
	assert_int_equal(point_new(&g->config, &g->point), 0);
	plant_phases(&g->trial.plant, g->point);

	struct sample_block all = {
		.channels = 1, .frames = (uint32_t)g->trial.samples, .first_index = 0, .counts = g->trial.counts};

	point_feed(g->point, &all);
	end_of_samples(g->point);
}

static void end(struct good *g)
{
	point_free(g->point);
	plant_end(&g->trial);
	curve_free(g->curve);
}

static void no_top(struct point *p)
{
	memset(&p->analysis.observed.clip, 0, sizeof(p->analysis.observed.clip));
	p->analysis.template.pulse.support_hi = p->analysis.template.pulse.support_lo + 4.0;
}

static void no_tare_samples(struct point *p)
{
	p->analysis.observed.tare.n = 20;
}

static void no_tare_band(struct point *p)
{
	p->grid.fs_hz = 10.0; /* no line is slow enough for it */
}

static void no_profile(struct point *p)
{
	memset(&p->analysis.observed.profile, 0, sizeof(p->analysis.observed.profile));
}

static void no_room_in_the_gap(struct point *p)
{
	p->analysis.template.pulse.gap.hi = p->analysis.template.period - p->analysis.template.pulse.gap.lo - 1.0;
}

static void no_levels(struct point *p)
{
	memset(&p->analysis.observed.levels, 0, sizeof(p->analysis.observed.levels));
}

static void no_gaps(struct point *p)
{
	memset(&p->analysis.observed.jump, 0, sizeof(p->analysis.observed.jump));
}

static void no_tare_level(struct point *p)
{
	p->analysis.tally.level.tare.n = 0;
}

static void no_mean_pulse(struct point *p)
{
	struct mean_pulse *mean = &p->analysis.observed.mean_pulse;

	mean_pulse_release(mean);
	assert_int_equal(mean_pulse_init(mean, 10, 10), 0);
}

static void no_noise(struct point *p)
{
	struct weights weights = p->analysis.observed.noise.weights; /* which the point owns */

	memset(&p->analysis.observed.noise, 0, sizeof(p->analysis.observed.noise));
	p->analysis.observed.noise.weights = weights;
}

static void no_depths(struct point *p)
{
	memset(&p->analysis.observed.settled, 0, sizeof(p->analysis.observed.settled));
}

static void no_rate(struct point *p)
{
	p->analysis.tally.rhythm.ticks.n = 0;
	p->analysis.tally.rhythm.interval.n = 0;
	p->analysis.tally.rhythm.strokes = 0;
}

static void a_slope_that_is_none(struct point *p)
{
	p->analysis.tally.height.misfits = 1;
	p->analysis.tally.depth.misfits = 1;
	p->analysis.tally.depth.misfit_mm = NAN;
}

static const struct {
	enum model_check check;
	void (*starve)(struct point *point);
	bool not_declared; /* of the cell */
	bool stated;       /* the tare's proof is the bench's word */
} rows[] = {
	{CHECK_CLIP, no_top, false, false},
	{CHECK_TARE_MOTION, no_tare_samples, false, false},
	{CHECK_TARE_LINES, no_tare_samples, false, false},
	{CHECK_TARE_LINES, no_tare_band, false, false},
	{CHECK_SUB_PULSES, no_rate, false, false},
	{CHECK_LIFT_OFF, no_profile, false, false},
	{CHECK_GAP, no_profile, false, false},
	{CHECK_GAP, no_room_in_the_gap, false, false},
	{CHECK_LEVEL_STEP, no_levels, false, false},
	{CHECK_LEVEL_JUMP, no_gaps, false, false},
	{CHECK_REFERENCE, no_tare_level, false, false},
	{CHECK_FLOOR, no_levels, false, true},
	{CHECK_CELL, no_mean_pulse, false, false},
	{CHECK_CELL, no_mean_pulse, true, false},
	{CHECK_CAP, no_mean_pulse, false, false},
	{CHECK_STRANGE_STROKES, a_slope_that_is_none, false, false},
	{CHECK_NOISE, no_noise, false, false},
	{CHECK_SETTLED, no_depths, false, false},
};

static struct check_result checked(struct good *g, enum model_check check)
{
	struct check_result all[MODEL_CHECKS];
	struct result results[RESULTS_PER_POINT_MAX];
	const struct account account = account_of(g->point, all);

	summarise(&account, results, RESULTS_PER_POINT_MAX);
	return all[check];
}

static void none_is_well_that_saw_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct good g;

		start(&g);
		if (rows[i].not_declared)
			g.point->config.cell.hz = 0.0;
		if (rows[i].stated)
			g.point->config.tare.proof = TARE_STATED;
		assert_int_equal(checked(&g, rows[i].check).state, CHECK_PASSED);
		rows[i].starve(g.point);

		struct check_result r = checked(&g, rows[i].check);

		if (r.state != CHECK_NOT_MADE || r.reason[0] == '\0' || !isfinite(r.u_mm))
			fail_msg("row %u, %s: %s, \"%s\"", i, r.name, check_state_name(r.state), r.reason);
		end(&g);
	}
}

/* Each row of the table of checks is starved above, but for those whose evidence are the strokes themselves. */
static void none_is_left_out(void **state)
{
	(void)state;
	for (unsigned c = 0; c < MODEL_CHECKS; c++) {
		bool starved = c == CHECK_FROZEN || c == CHECK_GLITCHES;

		for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			starved |= rows[i].check == (enum model_check)c;
		if (!starved)
			fail_msg("%s", model_check_row((enum model_check)c)->name);
	}
}

/* A point without a curve is not asked of its depths. */
static void what_is_not_there_is_not_asked(void **state)
{
	struct good g;

	(void)state;
	start(&g);
	g.point->config.curve = NULL;
	memset(&g.point->analysis.tally.depth, 0, sizeof(g.point->analysis.tally.depth));
	no_depths(g.point);
	for (unsigned c = 0; c < MODEL_CHECKS; c++) {
		struct check_result r = checked(&g, (enum model_check)c);

		if (r.state == CHECK_NOT_MADE || r.state == CHECK_TRIPPED)
			fail_msg("without a curve, %s: %s", r.name, r.reason);
	}
	end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_well_that_saw_nothing),
		cmocka_unit_test(none_is_left_out),
		cmocka_unit_test(what_is_not_there_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
