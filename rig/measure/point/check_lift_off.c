/* Do the needles leave the phantom between strokes? */
#include "rig/measure/point/gap_view.h"

#include <math.h>

#include "rig/measure/point/doubts.h"

#define SURE     4.0  /* standard uncertainties of a step */
#define LONG_GAP 0.25 /* of the period: needles that never leave would have lifted the force within it */

/* Where the tare is known to be free, and the level between strokes is seen to be the tare's, that is the reference,
 * however noise hides the moment of lift-off. */
static bool tare_is_reference(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	struct gap_level level = gap_level(a);
	double worst = fmax(fabs(level.start.d), level.start.s);

	if (!gap_tare_is_measured(a) || !level.known || fabs(level.start.d) > SURE * level.start.s)
		return false;
	ret->effect_mm = worst * scale->mm_per_n;
	ret->u_mm = check_line(ret->effect_mm, 0.0);
	return true;
}

void check_lift_off(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	if (!a->template->pulse.ready || !(scale->strokes >= RATE_STROKES_MIN))
		return;

	struct lift_off_look look = gap_lift_off(a, scale);

	ret->n = a->observed->profile.folded;
	ret->statistic = look.gain;
	ret->threshold = look.least;
	if (look.kind == LIFT_OFF_UNSEEN)
		return;
	ret->state = CHECK_PASSED;
	if (look.kind == LIFT_OFF_SMOOTH && !(a->template->pulse.gap.share > LONG_GAP) &&
	    !tare_is_reference(a, scale, ret))
		check_trip(ret, "needles do not lift off between strokes: no reference level");
}
