/* What the sensor did not show of a point: a converter that stood still, and samples that no motion makes. */
#include <math.h>
#include <stdio.h>

#include "rig/measure/point/checks_raw.h"

#define FROZEN_MAX  1.5 /* periods: whether the pen struck is then not seen */
#define TOUCHED_MAX 0.1 /* of the strokes */
#define DEEP        1.1 /* of the largest stroke seen */
#define DEEP_NOISE  4.0
#define TOUCHED_FEW 1 /* a single stroke is never too many */

/* Strokes of the window that holes touched or hid, of all. */
static double touched_share(const struct rhythm *r, uint64_t *ret_touched)
{
	uint64_t hidden = r->blind.hidden + r->blind.excused_first + r->blind.excused;

	*ret_touched = r->blind.touched > hidden ? r->blind.touched : hidden;
	return *ret_touched > 0 ? (double)*ret_touched / (double)(r->strokes + *ret_touched) : 0.0;
}

static bool are_too_many(const struct rhythm *r)
{
	uint64_t touched;

	return touched_share(r, &touched) > TOUCHED_MAX && touched > TOUCHED_FEW;
}

void check_frozen(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct rhythm *r = &a->tally->rhythm;

	(void)scale;
	if (r->strokes + r->blind.touched == 0)
		return;
	ret->state = CHECK_PASSED;
	ret->statistic = r->blind.longest;
	ret->threshold = FROZEN_MAX;
	ret->n = r->blind.frozen;
	if (!(r->blind.longest > FROZEN_MAX) && !(are_too_many(r) && r->blind.frozen > r->blind.glitches))
		return;
	ret->state = CHECK_TRIPPED;
	snprintf(ret->reason, sizeof(ret->reason),
		 "sensor: the converter stood still %llu times in the measure window, for up to %.3g periods",
		 (unsigned long long)r->blind.frozen, r->blind.longest);
}

/* A stroke deeper than all that were seen: what is hidden of it may be what matters. */
static bool is_hidden_deep(const struct account *a, const struct check_scale *scale)
{
	return a->tally->rhythm.blind.largest_n > DEEP * a->tally->height.largest_n + DEEP_NOISE * scale->noise_n;
}

static void hide_deep(const struct rhythm *r, struct check_result *ret)
{
	ret->state = CHECK_TRIPPED;
	snprintf(ret->reason, sizeof(ret->reason),
		 "sensor: a glitch hides how deep the deepest stroke was, of %.3g N or more", r->blind.largest_n);
}

void check_glitches(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct rhythm *r = &a->tally->rhythm;
	uint64_t touched;
	double share = touched_share(r, &touched);

	if (r->strokes + r->blind.touched == 0)
		return;
	ret->state = are_too_many(r) ? CHECK_TRIPPED : CHECK_PASSED;
	ret->statistic = share;
	ret->threshold = TOUCHED_MAX;
	ret->n = r->blind.glitches;
	if (ret->state == CHECK_TRIPPED)
		snprintf(ret->reason, sizeof(ret->reason),
			 "sensor: %llu glitches, faster than any motion; %llu of %llu strokes not to be seen for them",
			 (unsigned long long)r->blind.glitches, (unsigned long long)touched,
			 (unsigned long long)(r->strokes + touched));
	else if (is_hidden_deep(a, scale))
		hide_deep(r, ret);
}
