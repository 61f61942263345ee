/* Does the baseline follow the level between strokes? docs/method.md, "Does the level jump?". */
#include "rig/measure/point/model_checks.h"

#include <math.h>

#define SURE     10.0 /* standard deviations of the gaps */
#define GAPS_MIN 2    /* of neighbours */

void check_level_jump(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct level_jump *jump = &a->observed->jump;
	struct level_jump_look look = level_jump_look(jump);

	if (!a->template->pulse.ready || jump->gaps < GAPS_MIN)
		return;
	ret->state = CHECK_PASSED;
	ret->n = jump->gaps;
	ret->threshold = SURE;
	ret->statistic = look.largest_n / look.usual_n;
	ret->effect_mm = look.largest_n * scale->mm_per_n;
	if (ret->statistic > SURE && check_outweighs(scale, ret->effect_mm))
		check_trip(ret, "the level jumps between strokes: the baseline is %.2g mN off there",
			   1e3 * look.largest_n);
}
