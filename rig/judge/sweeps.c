/* What only a whole sweep shows, after the last point: linearity and hysteresis of the depth, at each rate and phantom.
 */
#include "rig/judge/sweeps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/judge/judge.h"
#include "rig/measure/sweep.h"

static const struct result *depth_of(const struct plan *plan, const struct record_point *point)
{
	const char *method = plan_judged_method(plan, MEASURAND_DEPTH);
	for (unsigned i = 0; i < point->results; i++)
		if (point->result[i].result.id == MEASURAND_DEPTH &&
		    strcmp(point->result[i].result.method, method) == 0)
			return &point->result[i].result;
	return NULL;
}

static bool same_sweep(const struct plan_point *a, const struct plan_point *b)
{
	return a->step == b->step && a->phantom == b->phantom && a->rate_hz == b->rate_hz;
}

static bool sweep_stands(const struct record *record, const struct plan_point *of)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *sweep = &record->sweep[i];
		if (sweep->step == of->step && sweep->phantom == of->phantom && sweep->rate_hz == of->rate_hz)
			return true;
	}
	return false;
}

/* What the other points show says nothing of a depth that could not be measured. */
static void distrust_gaps(struct result *result, unsigned missing)
{
	if (!result->trusted)
		return;
	result->trusted = false;
	snprintf(result->reason, sizeof(result->reason), "depths of the sweep that could not be measured: %u", missing);
}

static void add_sweep(struct record *record, const struct plan *plan, const struct plan_point *of)
{
	struct sweep_point *points = calloc(record->points + 1, sizeof(*points));
	struct record_sweep *sweep = points ? record_add_sweep(record) : NULL;
	if (!sweep) {
		free(points);
		return;
	}
	unsigned count = 0, missing = 0;
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];
		const struct result *depth = depth_of(plan, p);
		if (!p->counts || !same_sweep(&p->plan, of))
			continue;
		if (!depth || !depth->valid) {
			missing++;
			continue;
		}
		points[count++] =
			(struct sweep_point){.setpoint_mm = p->plan.depth_mm, .depth = depth, .upward = p->plan.upward};
	}
	*sweep = (struct record_sweep){.step = of->step, .phantom = of->phantom, .rate_hz = of->rate_hz};
	struct result results[2];
	sweep->results = sweep_results(points, count, results);
	free(points);
	for (unsigned i = 0; i < sweep->results; i++) {
		if (missing)
			distrust_gaps(&results[i], missing);
		sweep->result[i].result = results[i];
	}
	judge_sweep(plan, sweep);
}

void sweeps_collect(struct record *record, const struct plan *plan, const struct plan_point *points, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!plan_point_is_free(&points[i]) && !sweep_stands(record, &points[i]))
			add_sweep(record, plan, &points[i]);
}
