/* Have all pulses one shape? Those that have not leave the mean and the scatter of depth; what they may take with them is a
 * line. */
#include "rig/measure/point/model_checks.h"

#include <math.h>
#include <stdio.h>

#define SHARE_MAX   0.02
#define SLACK       2.0
#define LEARNED_MIN 32 /* strokes: of fewer, not to have learned a pulse says nothing */

void check_strange_strokes(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	(void)scale;
	const struct heights *h = &a->tally->height;
	const struct depths *d = &a->tally->depth;
	double strokes = (double)a->tally->rhythm.strokes, strange = (double)(h->misfits + h->unfitted);

	if (!a->template->pulse.ready && strokes < LEARNED_MIN)
		return;
	ret->n = a->tally->rhythm.strokes;
	ret->statistic = strange;
	ret->threshold = SHARE_MAX * strokes + SLACK;
	ret->state = CHECK_PASSED;
	ret->effect_mm = 0.0;
	if (d->misfits > 0 && d->seen.n > 0)
		ret->effect_mm = (d->misfit_mm - d->seen.mean * (double)d->misfits) / (double)(d->seen.n + d->misfits);
	ret->u_mm = check_line(ret->effect_mm, 0.0);
	if (!a->template->pulse.ready && h->unfitted == a->tally->rhythm.strokes) {
		ret->state = CHECK_TRIPPED;
		snprintf(ret->reason, sizeof(ret->reason), "too few regular strokes to learn the pen's pulse from");
	} else if (strange > ret->threshold) {
		ret->state = CHECK_TRIPPED;
		snprintf(ret->reason, sizeof(ret->reason), "%.0f of %.0f pulses do not have the pen's own pulse shape",
			 strange, strokes);
	}
}
