/* Is the level between strokes that of the tare? */
#include "rig/measure/point/gap_view.h"

#include <math.h>

#include "rig/measure/point/doubts.h"

void check_level_step(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	if (!a->template->pulse.ready || !(scale->strokes >= RATE_STROKES_MIN))
		return;

	struct gap_level level = gap_level(a);

	ret->n = a->observed->levels.first.closed;
	if (!level.known)
		return;
	ret->statistic = fabs(level.start.d) / level.start.s;
	ret->effect_mm = level.step_n * scale->mm_per_n;
	ret->u_mm = check_line(ret->effect_mm, 0.0);
	ret->state = CHECK_PASSED;
	if (!level.significant || !check_outweighs(scale, ret->effect_mm))
		return;
	ret->state = CHECK_TRIPPED;
	doubt(ret->reason,
	      "the level between strokes is %+.2g mN from that of the tare: one of the two is not free of contact",
	      1e3 * level.step_n);
}
