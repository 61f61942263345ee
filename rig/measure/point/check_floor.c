/* Does a front end end at the level between strokes? */
#include <math.h>

#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/summary_parts.h"

#define LINE_SURE  3.0  /* standard uncertainties of a line's amplitude: by chance once in 10^3, of six lines */
#define TREND_SURE 16.0 /* chi-square of two degrees: by chance once in 3 10^3 */
#define SHARE      0.05 /* of the height: what a front end that is out of balance takes off */
#define HIDES      0.02 /* of the height: noise that hides what hum and drift a bench has */

/* Standard uncertainties by which the most certain line of the mains is no noise. */
static double line_seen(const struct baseline *baseline)
{
	double most = 0.0;

	for (unsigned i = 0; i < baseline->lines; i++) {
		double u = baseline_amplitude_u(baseline, i);

		if (baseline->use[i] != LINE_LEFT && u > 0.0)
			most = fmax(most, baseline_amplitude(baseline, i) / u);
	}
	return most;
}

void check_floor(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	double trend = level_series_trend(&a->observed->levels, scale->noise_n), line = line_seen(a->baseline);

	if (a->config->tare.proof != TARE_STATED || !a->template->pulse.ready || isnan(trend))
		return;
	ret->n = (uint64_t)scale->strokes;
	ret->statistic = fmax(line / LINE_SURE, sqrt(trend / TREND_SURE));
	ret->threshold = 1.0;
	ret->state = CHECK_PASSED;
	if (ret->statistic > ret->threshold)
		return;
	ret->effect_mm = SHARE * scale->height_n * scale->mm_per_n;
	ret->u_mm = check_line(ret->effect_mm, 0.0);
	if (scale->noise_n < HIDES * scale->height_n && check_outweighs(scale, ret->effect_mm))
		check_not_made(ret, "neither hum nor drift is seen between strokes: whether a front end ends there is "
				    "not known; write \"zero_n\" into the bench file's sensor");
}
