/* What the tare says of a point: nothing may move in it, and no line may be there that the baseline does not know. */
#include <math.h>
#include <stdio.h>

#include "rig/measure/point/checks_raw.h"

#define MOTION_MAX   7.0
#define SPREAD       0.57 /* standard deviation of the level's error, of the spread of eight means; as 2 / sqrt 12 */
#define STROKE_SHARE 0.2  /* of a stroke's height: what moves so much in the tare is one */
#define LINE_MAX     9.0
#define IN_STEP      1.5 /* a line at the rate lifts the top and lowers the gap */

static bool ask(const struct account *a, struct tare_answer *ret)
{
	const struct baseline *bl = a->baseline;
	struct tare_question q = {.fs_hz = a->grid->fs_hz,
				  .rate_hz = a->grid->fs_hz / tally_period(a->tally),
				  .count_n = fabs(a->config->force.scale)};

	for (; q.lines < bl->lines && q.lines < TARE_LINES_MAX; q.lines++)
		q.line_hz[q.lines] = baseline_line_hz(bl, q.lines);
	tare_judge(&a->observed->tare, &q, ret);
	return isfinite(ret->motion);
}

/* It is looked at as often as it is asked for: the tare is short. */
void check_tare_motion(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	struct tare_answer tare;

	if (!ask(a, &tare))
		return;
	ret->state = CHECK_PASSED;
	ret->statistic = tare.motion;
	ret->threshold = MOTION_MAX;
	ret->effect_mm = SPREAD * tare.spread_n * scale->mm_per_n;
	ret->n = a->observed->tare.n;
	if (!(tare.motion > MOTION_MAX) ||
	    !(ret->effect_mm > 0.5 * scale->rest_u_mm || tare.largest_n > STROKE_SHARE * scale->height_n))
		return;
	ret->state = CHECK_TRIPPED;
	snprintf(ret->reason, sizeof(ret->reason), "motion in the tare: its level wanders by %.3g N, up to %.3g N",
		 tare.spread_n, tare.largest_n);
}

void check_tare_lines(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	struct tare_answer tare;

	if (!ask(a, &tare) || isnan(tare.line))
		return;
	ret->state = CHECK_PASSED;
	ret->statistic = tare.line;
	ret->threshold = LINE_MAX;
	ret->n = a->observed->tare.n;
	if (tare.in_step_n > 0.0) {
		ret->effect_mm = IN_STEP * M_SQRT1_2 * tare.in_step_n * scale->mm_per_n;
		ret->u_mm = ret->effect_mm;
	}
	if (!(tare.line > LINE_MAX) || !(tare.line_n * scale->mm_per_n > scale->rest_u_mm))
		return;
	ret->state = CHECK_TRIPPED;
	snprintf(ret->reason, sizeof(ret->reason),
		 "the tare has a line of %.3g N at %.4g Hz, which is none of the bench's mains", tare.line_n,
		 tare.line_hz);
}
