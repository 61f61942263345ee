/* Which checks are made, in their order, and what follows of them. */
#include "rig/measure/point/model_checks.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "rig/measure/point/check_cell.h"
#include "rig/measure/point/check_noise.h"
#include "rig/measure/point/checks_raw.h"
#include "rig/measure/point/doubts.h"
#include "rig/measure/point/result_list.h"
#include "rig/measure/point/summary_parts.h"

#define FULL 1.13 /* 1.96 / sqrt 3: the expanded uncertainty of an effect that is anywhere between nil and all */

/* Has the point to be asked? */
typedef bool asked_function(const struct account *account, const struct check_scale *scale);

static bool strikes(const struct account *a, const struct check_scale *scale)
{
	(void)scale;
	return a->tally->rhythm.strokes + a->tally->rhythm.blind.touched > 0;
}

static bool has_pulses(const struct account *a, const struct check_scale *scale)
{
	return a->template->pulse.ready && scale->strokes >= RATE_STROKES_MIN;
}

static bool has_depths(const struct account *a, const struct check_scale *scale)
{
	return has_pulses(a, scale) && a->tally->depth.seen.n > 0;
}

static bool has_a_tare_to_prove(const struct account *a, const struct check_scale *scale)
{
	return a->config->tare.proof != TARE_UNASKED && scale->strokes >= RATE_STROKES_MIN;
}

/* A level that is known, or a displacement, shows a floor by itself. */
static bool has_a_stated_tare(const struct account *a, const struct check_scale *scale)
{
	return a->config->tare.proof == TARE_STATED && has_pulses(a, scale);
}

/* unseen: why it could not be made, where it left nothing. */
static const struct {
	check_function *make;
	asked_function *is_asked;
	const char *unseen;
} checks[MODEL_CHECKS] = {
	[CHECK_FROZEN] = {check_frozen, strikes, "too few samples to see whether the converter stood still"},
	[CHECK_CLIP] = {check_clip, has_pulses,
			"too few samples at the top of the pulses to see whether it is cut off"},
	[CHECK_GLITCHES] = {check_glitches, strikes, "too few samples to see what is faster than the load cell"},
	[CHECK_TARE_MOTION] = {check_tare_motion, has_pulses,
			       "too few samples in the tare to see whether it is at rest"},
	[CHECK_TARE_LINES] = {check_tare_lines, has_pulses, "too few samples in the tare to see what lines it has"},
	[CHECK_SUB_PULSES] = {check_sub_pulses, has_pulses, "too few strokes to see whether each makes one pulse"},
	[CHECK_STRANGE_STROKES] = {check_strange_strokes, has_pulses,
				   "too few strokes to see whether their shapes are one"},
	[CHECK_NOISE] = {check_noise, has_depths,
			 "no stretch without strokes is as long as a pulse: how noise acts is not seen"},
	[CHECK_SETTLED] = {check_settled, has_depths, "too few strokes to see whether depth has come to rest"},
	[CHECK_LIFT_OFF] = {check_lift_off, has_pulses,
			    "too few samples between strokes to see whether the needles lift off"},
	[CHECK_GAP] = {check_gap, has_pulses, "too few samples between strokes to see whether the force is flat there"},
	[CHECK_LEVEL_STEP] = {check_level_step, has_pulses,
			      "the level between strokes cannot be compared with that of the tare"},
	[CHECK_LEVEL_JUMP] = {check_level_jump, has_pulses,
			      "too few gaps between strokes to see whether the level jumps"},
	[CHECK_REFERENCE] = {check_reference, has_a_tare_to_prove,
			     "no sample of the tare to compare with the level without contact"},
	[CHECK_FLOOR] = {check_floor, has_a_stated_tare,
			 "too few samples between strokes to see whether a front end ends there"},
	[CHECK_CELL] = {check_cell, has_pulses,
			"too few strokes or samples to see what the load cell does where contact ends"},
	[CHECK_CAP] = {check_cap, has_pulses, "too few strokes or samples to see how sharp the top of the pulse is"},
};

double check_line(double effect_mm, double s_mm)
{
	return hypot(CHECK_COVERS * effect_mm, s_mm);
}

bool check_outweighs(const struct check_scale *scale, double effect_mm)
{
	return FULL * fabs(effect_mm) > scale->rest_u_mm;
}

double check_mm_per_n(const struct account *a)
{
	const struct depths *d = &a->tally->depth;
	const struct moments *height = &a->tally->height.seen;

	if (d->seen.n > 0)
		return (double)d->seen.n / d->slope;
	return height->n > 0 && height->mean > 0.0 ? a->config->depth_set_mm / height->mean : NAN;
}

static struct check_scale scale_of(const struct account *a)
{
	const struct tally *t = a->tally;
	double mm_per_n = check_mm_per_n(a), depth_u = depth_rest_u(a);

	return (struct check_scale){.mm_per_n = mm_per_n,
				    .rest_u_mm = isfinite(depth_u) ? depth_u : height_rest_u(a) * mm_per_n,
				    .height_n = t->height.seen.n ? t->height.seen.mean : NAN,
				    .noise_n = a->noise_n,
				    .period = tally_period(t),
				    .strokes = (double)t->height.seen.n};
}

__attribute__((format(printf, 3, 0))) static void say(struct check_result *ret, enum check_state state,
						      const char *format, va_list args)
{
	ret->state = state;
	vsnprintf(ret->reason, sizeof(ret->reason), format, args);
}

void check_trip(struct check_result *ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ret, CHECK_TRIPPED, format, args);
	va_end(args);
}

void check_not_made(struct check_result *ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ret, CHECK_NOT_MADE, format, args);
	va_end(args);
}

/* A line that cannot be told is none only where there is nothing that it could be added to. */
static void need_line(const struct check_scale *scale, struct check_result *r)
{
	if (isfinite(r->u_mm))
		return;
	r->u_mm = 0.0;
	if (!isnan(scale->mm_per_n) && r->state == CHECK_PASSED)
		check_not_made(r, "what the check of \"%s\" leaves cannot be told", r->name);
}

void model_checks(const struct account *a)
{
	const struct check_scale scale = scale_of(a);

	for (unsigned i = 0; i < MODEL_CHECKS; i++) {
		struct check_result *r = &a->check[i];

		*r = (struct check_result){
			.check = (enum model_check)i, .statistic = NAN, .threshold = NAN, .effect_mm = NAN};
		snprintf(r->name, sizeof(r->name), "%s", model_check_row(r->check)->name);
		checks[i].make(a, &scale, r);
		if (r->state == CHECK_ABSENT && checks[i].is_asked(a, &scale))
			check_not_made(r, "%s", checks[i].unseen);
		need_line(&scale, r);
	}
}

void add_check_lines(struct result *result, const struct account *a)
{
	for (unsigned i = 0; i < MODEL_CHECKS; i++) {
		const char *line = model_check_row((enum model_check)i)->line;

		if (line)
			results_budget(result, line, a->check[i].u_mm, INFINITY);
	}
}

/* Squares: of an effect that is none its own uncertainty makes as much as is taken off. mm^2. */
static double seen_mm2(const struct check_result *r)
{
	double cover2 = CHECK_COVERS * CHECK_COVERS, line2 = r->u_mm * r->u_mm;
	double effect2 = fmin(r->effect_mm * r->effect_mm, line2 / cover2);

	return fmax(0.0, effect2 - (line2 - cover2 * effect2));
}

double check_effects_mm2(const struct account *a)
{
	double sum = 0.0;

	for (unsigned i = 0; i < MODEL_CHECKS; i++) {
		if (model_check_row((enum model_check)i)->line && isfinite(a->check[i].effect_mm))
			sum += seen_mm2(&a->check[i]);
	}
	return sum;
}

void add_check_lines_of_force(struct result *result, const struct account *a, const double per_n[CHECK_ACTS])
{
	double mm_per_n = check_mm_per_n(a);

	if (!(mm_per_n > 0.0))
		return;
	for (unsigned i = 0; i < MODEL_CHECKS; i++) {
		const struct model_check_row *row = model_check_row((enum model_check)i);

		if (row->acts != ACTS_NOT)
			results_budget(result, row->line, a->check[i].u_mm / mm_per_n * per_n[row->acts], INFINITY);
	}
}

static bool is_well(const struct check_result *r)
{
	return r->state == CHECK_ABSENT || r->state == CHECK_PASSED;
}

void doubt_checks(const struct account *a, unsigned doubts, char *reason)
{
	for (unsigned i = 0; i < MODEL_CHECKS; i++) {
		if (!is_well(&a->check[i]) && (model_check_row((enum model_check)i)->doubts & doubts))
			doubt(reason, "%s", a->check[i].reason);
	}
}
