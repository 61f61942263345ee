/* The parts of a run's time, and what they are expected to be. */
#include "rig/config/takt.h"

#include <math.h>

#include "rig/measure/point/point.h"

#define OPENING_S    0.05 /* a bench whose devices answer at once */
#define SETTING_S    0.01
#define COAST_OF_MAX 0.66 /* of what the bench allows: pens do not need it all */
#define COAST_S      0.33
#define DEADMAN_S    0.5 /* where no bench says */
#define REFUSAL_S    0.01
#define TEST_COAST_S 0.2 /* of a motor whose dead-man tripped, and of what tells so */

static const char *const names[TAKT_PARTS] = {
	[TAKT_OPENING] = "opening_s", [TAKT_INTERLOCK] = "interlock_s", [TAKT_TESTS] = "tests_s",
	[TAKT_PROMPT] = "prompt_s",   [TAKT_TARE] = "tare_s",           [TAKT_SETTING] = "setting_s",
	[TAKT_SETTLE] = "settle_s",   [TAKT_WINDOW] = "window_s",       [TAKT_COAST] = "coast_s",
	[TAKT_PROOF] = "proof_s",     [TAKT_REST] = "rest_s",
};

const char *takt_name(enum takt_part part)
{
	return names[part];
}

double takt_sum_s(const struct takt *takt)
{
	double sum = 0;

	for (unsigned i = 0; i < TAKT_PARTS; i++)
		sum += takt->s[i];
	return sum;
}

static double tare_s_of(const struct plan *plan, const struct plan_point *point)
{
	return fmax(plan->step[point->step].tare_s, POINT_TARE_MIN_S);
}

bool takt_goes_on(const struct plan *plan, const struct plan_point *points, unsigned count, unsigned i)
{
	const struct plan_point *next = &points[i + 1];

	return i + 1 < count && !next->phantom_change && !plan_point_is_free(&points[i]) && !plan_point_is_free(next) &&
	       tare_s_of(plan, next) <= TARE_KEPT_MAX_S;
}

static double proof_s(double rate_hz)
{
	return fmax(PROOF_STROKES / rate_hz, PROOF_MIN_S);
}

static void expect_tests(const struct plan *plan, const struct bench *bench, const struct plan_point *first,
			 struct takt *ret)
{
	double deadman_s = bench ? bench->pen.deadman_ms * 1e-3 : DEADMAN_S;

	if (plan->test_refusal)
		ret->s[TAKT_TESTS] += REFUSAL_S;
	if (plan->test_deadman)
		ret->s[TAKT_TESTS] += DEADMAN_RUN_S + deadman_s + TEST_COAST_S + INTERLOCK_S + proof_s(first->rate_hz);
}

/* Of a time that the plan leaves open how long it lasts; a free run takes as long as it may. */
static double lasts_s(const struct window *w, bool free, double open_windows)
{
	return free || !w->targets ? w->max_s : w->min_s + open_windows * (w->max_s - w->min_s);
}

/* The window, and what stands before it. */
static void expect_window(const struct plan *plan, const struct plan_point *points, unsigned count, unsigned i,
			  double open_windows, struct takt *ret)
{
	const struct plan_step *step = &plan->step[points[i].step];
	bool free = plan_point_is_free(&points[i]);

	if (i == 0 || !takt_goes_on(plan, points, count, i - 1))
		ret->s[TAKT_TARE] += tare_s_of(plan, &points[i]);
	ret->s[TAKT_SETTING] += SETTING_S;
	ret->s[TAKT_SETTLE] += lasts_s(&step->settle, free, open_windows);
	ret->s[TAKT_WINDOW] += lasts_s(&step->measure, free, open_windows);
}

/* Without a calibrated displacement the force is taken to be all that tells. */
static double proof_end_s(const struct bench *bench)
{
	return bench && !(bench_displacement_u_mm(bench) > 0) ? PROOF_ALONE_S : PROOF_END_S;
}

/* The stop, and what follows it. */
static void expect_stop(const struct plan *plan, const struct bench *bench, const struct plan_point *points,
			unsigned count, unsigned i, struct takt *ret)
{
	double proof = proof_s(points[i].rate_hz), rest = REST_S;

	if (takt_goes_on(plan, points, count, i))
		rest = fmax(0, TARE_AFTER_S + tare_s_of(plan, &points[i + 1]) - proof);
	ret->s[TAKT_COAST] += bench ? COAST_OF_MAX * bench->pen.coast_down_max_s : COAST_S;
	ret->s[TAKT_PROOF] += proof;
	ret->s[TAKT_REST] += rest;
	if (i + 1 == count)
		ret->s[TAKT_PROOF] += fmax(0, proof_end_s(bench) - proof - rest);
}

void takt_expect(const struct plan *plan, const struct bench *bench, const struct plan_point *points, unsigned count,
		 double open_windows, struct takt *ret)
{
	*ret = (struct takt){.s = {[TAKT_OPENING] = OPENING_S, [TAKT_INTERLOCK] = INTERLOCK_S}};
	if (count)
		expect_tests(plan, bench, &points[0], ret);
	for (unsigned i = 0; i < count; i++) {
		expect_window(plan, points, count, i, open_windows, ret);
		expect_stop(plan, bench, points, count, i, ret);
	}
}
