/* Does noise act on heights as white noise would? docs/method.md, "Noise as it acts" and "Model checks". */
#include "rig/measure/point/check_noise.h"

#include <math.h>
#include <stdio.h>

#include "rig/measure/point/stroke_noise.h"

#define CHANCE 4.0 /* standard deviations of the share that white noise shows */
#define DITHER 0.6 /* counts of noise from which on a converter's steps are not seen */

/* Noise and hum before the converter carry its level across the steps. */
static double dither_n2(const struct account *a)
{
	double square = a->noise_n * a->noise_n;

	for (unsigned i = 0; i < a->baseline->lines; i++)
		square += 0.5 * pow(baseline_amplitude(a->baseline, i), 2.0);
	return square;
}

bool quantiser_shows(const struct account *a)
{
	double count = fabs(a->config->force.scale);

	return !(dither_n2(a) > DITHER * DITHER * count * count);
}

/* (190) */
static double quantiser_mm(const struct account *a, const struct check_scale *scale)
{
	double count = fabs(a->config->force.scale), square = dither_n2(a);

	if (!quantiser_shows(a))
		return 0.0;
	return count / sqrt(12.0) * exp(-2.0 * M_PI * M_PI * square / (count * count)) * scale->mm_per_n;
}

void check_noise(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct stroke_noise *noise = a->stroke_noise;
	double share = noise->shares.height * noise->shares.mean;

	if (!a->template->pulse.ready || !(scale->strokes > 0.0) || !(noise->shares.n > ACTING_BEFORE))
		return;
	ret->state = CHECK_PASSED;
	ret->statistic = share;
	ret->threshold = 1.0 + CHANCE * sqrt(2.0 / noise->shares.n);
	ret->n = (uint64_t)noise->shares.n;
	ret->u_mm = quantiser_mm(a, scale);
	ret->effect_mm = sqrt(fmax(0.0, share - 1.0) * noise->white / scale->strokes);
	if (!(share > ret->threshold) || !check_outweighs(scale, ret->effect_mm))
		return;
	ret->state = CHECK_TRIPPED;
	snprintf(ret->reason, sizeof(ret->reason),
		 "noise acts on the strokes %.3g times as white noise would: %.2g um in the mean depth", share,
		 1e3 * ret->effect_mm);
}
