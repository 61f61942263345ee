#include "tests/bench/misfit_trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/curve.h"
#include "rig/measure/point/point.h"

#define BLOCK_FRAMES      4096
#define CURVE_STEP        0.05
#define CURVE_POINTS      64
#define TOLERANCE_CONTENT 0.95

struct claim_row {
	const char *name, *measurand, *method;
	double (*truth)(const struct recording *r, const struct take *take);
	double (*certificate_u)(const struct recording *r, const struct take *take);
	bool upper; /* limits on it are upper ones */
};

static double true_depth(const struct recording *r, const struct take *take)
{
	(void)r;
	return take->truth.depth_mm;
}

static double true_rate(const struct recording *r, const struct take *take)
{
	(void)r;
	return take->truth.rate_hz;
}

static double true_process_depth(const struct recording *r, const struct take *take)
{
	(void)take;
	return r->depth_mm;
}

static double true_sd(const struct recording *r, const struct take *take)
{
	(void)r;
	return take->truth.depth_sd_mm;
}

static double true_process_sd(const struct recording *r, const struct take *take)
{
	(void)take;
	return sqrt(r->depth_sd_mm * r->depth_sd_mm + 0.5 * r->slow_mm * r->slow_mm +
		    r->misfit.alternate_mm * r->misfit.alternate_mm);
}

static double true_jitter(const struct recording *r, const struct take *take)
{
	(void)r;
	return take->truth.jitter_pct;
}

/* Two strokes share an interval where the speed changes between them. */
static double true_process_jitter(const struct recording *r, const struct take *take)
{
	(void)take;
	return 100.0 * hypot(r->jitter * (r->speed_change == SPEED_IN_GAP ? M_SQRT1_2 : 1.0),
			     r->misfit.rate_drift / sqrt(12.0));
}

static double true_max(const struct recording *r, const struct take *take)
{
	(void)r;
	return take->truth.depth_max_mm;
}

static double depth_certificate(const struct recording *r, const struct take *take)
{
	double depth = take->truth.depth_mm, scale = recording_force(r, depth) / recording_slope(r, depth);

	return hypot(r->depth_cal_mm, scale * hypot(r->gain_rel, r->curve_rel));
}

static double rate_certificate(const struct recording *r, const struct take *take)
{
	return r->clock_rel * take->truth.rate_hz;
}

static double no_certificate(const struct recording *r, const struct take *take)
{
	(void)r, (void)take;
	return 0.0;
}

#define BY_FORCE "force_equivalent"
static const struct claim_row claim_rows[CLAIMS] = {
	[CLAIM_DEPTH] = {"depth", "depth_mm", BY_FORCE, true_depth, depth_certificate, false},
	[CLAIM_DEPTH_PROCESS] = {"depth_process", "depth_mm", BY_FORCE "_process", true_process_depth,
				 depth_certificate, false},
	[CLAIM_RATE] = {"rate", "stroke_rate_hz", "realised", true_rate, rate_certificate, false},
	[CLAIM_DEPTH_SD] = {"depth_sd", "depth_sd_mm", BY_FORCE, true_sd, no_certificate, true},
	[CLAIM_DEPTH_SD_PROCESS] = {"depth_sd_process", "depth_sd_mm", BY_FORCE, true_process_sd, no_certificate, true},
	[CLAIM_DEPTH_MAX] = {"depth_max", "depth_max_mm", BY_FORCE, true_max, depth_certificate, true},
	[CLAIM_JITTER] = {"jitter", "period_jitter_pct", NULL, true_jitter, no_certificate, true},
	[CLAIM_JITTER_PROCESS] = {"jitter_process", "period_jitter_pct", NULL, true_process_jitter, no_certificate,
				  true},
	[CLAIM_TOLERANCE] = {"tolerance", "depth_tolerance_lo_mm", BY_FORCE, true_process_depth, no_certificate, false},
};

const char *misfit_claim_name(enum misfit_claim claim)
{
	return claim_rows[claim].name;
}

bool misfit_claim_upper(enum misfit_claim claim)
{
	return claim_rows[claim].upper;
}

static struct curve *curve_of(const struct recording *r)
{
	struct curve_set set = {.rates = 1};
	struct curve *curve = NULL;

	set.at[0].rate_hz = r->rate_hz;
	set.at[0].points = CURVE_POINTS;
	for (unsigned i = 0; i < CURVE_POINTS; i++) {
		set.at[0].depth_mm[i] = CURVE_STEP * i;
		set.at[0].force_n[i] = recording_force(r, CURVE_STEP * i);
	}
	if (curve_new(&set, r->rate_hz, &curve) != 0)
		abort();
	return curve;
}

static struct point_config config_of(const struct recording *r, const struct take *take, const struct curve *curve)
{
	return (struct point_config){
		.fs_hz = r->fs_hz,
		.force = {.scale = take->lsb_n, .count_lo = take->count_lo, .count_hi = take->count_hi},
		.displacement.position = -1,
		.bandwidth_hz = r->declared_bandwidth_hz,
		.cell = {.hz = r->declared_hz, .damping = r->declared_damping},
		.tare = {.proof = r->u_zero_n > 0.0 ? TARE_LEVEL : TARE_STATED,
			 .zero_n = r->level_n,
			 .u_zero_n = r->u_zero_n},
		.rate_set_hz = r->rate_hz,
		.depth_set_mm = r->depth_mm,
		.mains_hz = r->mains_hz,
		.curve = curve,
		.u = {.gain_rel = r->gain_rel,
		      .clock_rel = r->clock_rel,
		      .depth_cal_mm = r->depth_cal_mm,
		      .curve_force_rel = r->curve_rel}};
}

static void feed(struct point *point, const struct take *take)
{
	for (uint64_t at = 0; at < take->samples; at += BLOCK_FRAMES) {
		uint64_t left = take->samples - at;
		struct sample_block block = {.channels = 1,
					     .frames = left < BLOCK_FRAMES ? (uint32_t)left : BLOCK_FRAMES,
					     .first_index = at,
					     .counts = take->counts + at};

		point_feed(point, &block);
	}
}

void misfit_measure(const struct recording *r, const struct take *take, struct misfit_results *ret)
{
	struct curve *curve = curve_of(r);
	struct point_config config = config_of(r, take, curve);
	struct point *point = NULL;

	if (point_new(&config, &point) != 0)
		abort();
	point_phase(point, POINT_TARE, 0, NAN);
	point_phase(point, POINT_SPIN_UP, take->spin_up, (double)take->spin_up);
	point_phase(point, POINT_MEASURE, take->measure, NAN);
	point_phase(point, POINT_COAST, take->coast, (double)take->coast);
	point_phase(point, POINT_REST, take->rest, NAN);
	feed(point, take);
	ret->count = point_finish(point, ret->result, RESULTS_PER_POINT_MAX);
	ret->checks = point_checks(point, ret->check);
	point_free(point);
	curve_free(curve);
}

const struct result *misfit_find(const struct misfit_results *of, const char *name, const char *method)
{
	for (unsigned i = 0; i < of->count; i++) {
		const struct result *r = &of->result[i];

		if (strcmp(r->name, name) == 0 && (method == NULL || strcmp(r->method, method) == 0))
			return r;
	}
	abort(); /* a result of that name is part of the contract */
}

/* P(X > x) of a normal X with that sd about 0; of 0 itself where sd is 0. */
static double above(double x, double sd)
{
	return sd > 0.0 ? 0.5 * erfc(x / sd * M_SQRT1_2) : x < 0.0 ? 1.0 : 0.0;
}

static void judge(const struct result *found, double truth, double certificate_u, struct claim_outcome *ret)
{
	double u = found->expanded_u, e = found->value - truth;

	*ret = (struct claim_outcome){.value = found->value, .expanded_u = u, .error = e, .truth = truth};
	ret->trusted = found->valid && found->trusted && isfinite(found->value) && isfinite(u);
	strcpy(ret->reason, found->reason);
	if (!ret->trusted)
		return;
	ret->accept_upper = above(e + u, certificate_u);
	ret->accept_lower = above(u - e, certificate_u);
	ret->outside = ret->accept_upper + ret->accept_lower;
}

/* Of a normal process, how much lies between the limits. */
static void judge_tolerance(const struct recording *r, const struct misfit_results *results, struct claim_outcome *ret)
{
	const struct result *lo = misfit_find(results, "depth_tolerance_lo_mm", BY_FORCE);
	const struct result *hi = misfit_find(results, "depth_tolerance_hi_mm", BY_FORCE);
	double sd = true_process_sd(r, NULL);

	if (!ret->trusted)
		return;
	ret->value = above(lo->value - r->depth_mm, sd) - above(hi->value - r->depth_mm, sd);
	ret->truth = TOLERANCE_CONTENT;
	ret->error = ret->value - TOLERANCE_CONTENT;
	ret->outside = ret->error < 0.0 ? 1.0 : 0.0;
	ret->accept_upper = ret->accept_lower = 0.0;
}

void misfit_judge(const struct recording *r, const struct take *take, const struct misfit_results *results,
		  struct misfit_outcome *ret)
{
	const struct result *missed = misfit_find(results, "missed_strokes", "");
	const struct result *doubled = misfit_find(results, "double_strokes", "");

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < CLAIMS; i++) {
		const struct claim_row *row = &claim_rows[i];

		judge(misfit_find(results, row->measurand, row->method), row->truth(r, take),
		      row->certificate_u(r, take), &ret->claim[i]);
	}
	judge_tolerance(r, results, &ret->claim[CLAIM_TOLERANCE]);
	for (unsigned i = 0; i < results->checks; i++) {
		if (results->check[i].check < MODEL_CHECKS)
			ret->state[results->check[i].check] = results->check[i].state;
	}
	ret->miscounted =
		(missed->trusted && missed->value != take->truth.missed) || (doubled->trusted && doubled->value != 0.0);
	ret->strokes = (unsigned)misfit_find(results, "strokes", "")->value;
	ret->strokes_made = take->truth.strokes;
}

void misfit_run(const struct recording *r, struct misfit_outcome *ret)
{
	struct misfit_results *results = calloc(1, sizeof(*results));
	struct take take;

	if (results == NULL)
		abort();
	recording_make(r, &take);
	misfit_measure(r, &take, results);
	misfit_judge(r, &take, results, ret);
	take_free(&take);
	free(results);
}
