/* Which results are drawn, and through which curve. Leaves out how: measure/monte_carlo.c. */
#include "rig/offline/opinion.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct opinions {
	const struct opinion_request *request;
	struct carlo_setup setup;
	uint64_t results; /* so far */
	struct err *err;
};

static bool clock_is_measured(const struct record *record)
{
	for (unsigned i = 0; i < record->devices; i++)
		if (record->device[i].clock_applied)
			return true;
	return false;
}

static bool has_uncertainty(const struct finding *f)
{
	const struct result *r = &f->result;

	return f->has_limit && r->valid && isfinite(r->value) && r->u > 0 && isfinite(r->u) && r->budget_lines > 0;
}

static int form(struct opinions *o, const struct record_point *point, unsigned sweep, struct finding *finding)
{
	if (!has_uncertainty(finding))
		return 0;
	/* An odd multiple: no two of a run draw the same. */
	o->setup.seed = o->request->seed + 0xD1342543DE82EF95u * o->results++;
	if (monte_carlo(&finding->result, &o->setup, &finding->opinion) < 0)
		return err_set(o->err, -ENOMEM, "out of memory");
	finding->has_opinion = true;
	o->request->formed(o->request->ctx, point, sweep, finding);
	return 0;
}

/* That the pen ran at, by which its results are (point/actual_rate.h); that of the command where none was measured. */
static double rate_of(const struct record_point *point)
{
	const char *realised = measurand_method(JUDGED_BY_RATE, false, false);

	for (unsigned i = 0; i < point->results; i++) {
		const struct result *r = &point->result[i].result;

		if (r->id == MEASURAND_STROKE_RATE && strcmp(r->method, realised) == 0 && r->valid && r->value > 0)
			return r->value;
	}
	return point->plan.rate_hz;
}

/* NULL where the depth is not found through one, or the bench has none at the rate of the command. */
static struct curve *curve_of(const struct record_point *point, const struct replay_inputs *inputs)
{
	int phantom = point->plan.phantom;
	const struct curve_set *set;
	struct curve *curve = NULL;

	if (inputs->plan->judge_displacement || phantom < 0 || (unsigned)phantom >= inputs->bench->phantoms)
		return NULL;
	set = &inputs->bench->phantom[phantom].curves;
	if (curve_new(set, point->plan.rate_hz, &curve) != 0)
		return NULL;
	curve_free(curve);
	return curve_new(set, curve_nearest_rate(set, rate_of(point)), &curve) == 0 ? curve : NULL;
}

static int of_point(struct opinions *o, struct record_point *point, const struct replay_inputs *inputs)
{
	struct curve *curve = curve_of(point, inputs);
	int rc = 0;

	o->setup.curve = curve;
	o->setup.setpoint_mm = point->plan.depth_mm;
	for (unsigned i = 0; rc == 0 && i < point->results; i++)
		rc = form(o, point, 0, &point->result[i]);
	o->setup.curve = NULL;
	curve_free(curve);
	return rc;
}

int opinions_form(struct record *record, const struct replay_inputs *inputs, const struct opinion_request *request,
		  struct err *err)
{
	struct opinions o = {.request = request, .err = err};
	int rc = 0;

	o.setup.trials = request->trials;
	o.setup.clock_measured = clock_is_measured(record);
	for (unsigned i = 0; rc == 0 && i < record->points; i++)
		if (record->point[i].counts)
			rc = of_point(&o, &record->point[i], inputs);
	for (unsigned i = 0; i < record->sweeps; i++)
		for (unsigned j = 0; rc == 0 && j < record->sweep[i].results; j++)
			rc = form(&o, NULL, i, &record->sweep[i].result[j]);
	return rc;
}
