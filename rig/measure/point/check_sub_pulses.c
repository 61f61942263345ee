/* Does each stroke make one pulse? By the commanded rate, and by whether pulses come in pairs. */
#include "rig/measure/point/model_checks.h"

#include <math.h>
#include <stdio.h>

#include "rig/measure/point/doubts.h"

#define RATE_OFF      0.25 /* of the commanded rate */
#define HEIGHTS_APART 0.15 /* every second one, of the mean */
#define SPACING_APART 0.05 /* the same, of the period */

void check_sub_pulses(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct rhythm *r = &a->tally->rhythm;
	double rate_hz = a->grid->fs_hz / scale->period, set_hz = a->config->rate_set_hz;
	double heights = alternation_share(&a->observed->heights);
	double spacing = alternation_share(&a->observed->spacing);

	if (r->strokes < RATE_STROKES_MIN || !isfinite(rate_hz))
		return;
	ret->n = r->strokes;
	ret->statistic = rate_hz / set_hz - 1.0;
	ret->threshold = RATE_OFF;
	ret->state = CHECK_PASSED;
	if (fabs(ret->statistic) > RATE_OFF) {
		ret->state = CHECK_TRIPPED;
		snprintf(ret->reason, sizeof(ret->reason),
			 "sub-pulses, or a rate far from the command: %.4g pulses per second at %.4g Hz", rate_hz,
			 set_hz);
	} else if (heights > HEIGHTS_APART && spacing > SPACING_APART) {
		ret->state = CHECK_TRIPPED;
		ret->statistic = heights;
		ret->threshold = HEIGHTS_APART;
		snprintf(ret->reason, sizeof(ret->reason),
			 "sub-pulses: pulses come in pairs, %.3g %% apart in height and %.3g %% in spacing",
			 100.0 * heights, 100.0 * spacing);
	}
}
