/* Widths, blended heights, and when a template is renewed or given up. */
#include "rig/measure/point/template.h"

#include <math.h>

#define REACH_PERIODS 1.6 /* of the commanded period: the slowest pen whose pulse is learned */
#define REBUILD_AT    64  /* strokes */
#define REBUILD_RATIO 1.5 /* of the strokes it was made of */
#define FOLD_MEMORY   20000.0
#define GIVEN_UP_MAX  4 /* in a point: a pen whose pulses are never alike is not learned */

void widths_add(struct widths *widths, const struct pulse_fit *fit, double noise_n)
{
	moments_add(&widths->seen, fit->width);
	widths->noise2 += pow(noise_n * fit->u_width_rel / fit->height, 2.0);
}

double widths_variance(const struct widths *widths)
{
	return fmax(0.0, (widths->seen.m2 - widths->noise2) / fmax(1.0, (double)widths->seen.n));
}

/* Share of the seen variance that is not noise; 0 where it may be chance. */
static double widths_weight(const struct widths *widths)
{
	double n = (double)widths->seen.n, weight = widths_variance(widths) * n / fmax(widths->seen.m2, 1e-300);

	return weight * n < 6.0 * sqrt(n) ? 0.0 : weight;
}

int template_init(struct template *t, double period)
{
	*t = (struct template){.width_weight = 1.0}; /* it may come from strokes at another speed */
	return pulse_init(&t->pulse, REACH_PERIODS * period);
}

void template_release(struct template *t)
{
	pulse_release(&t->pulse);
}

void template_copy(struct template *to, const struct template *from)
{
	struct pulse pulse = to->pulse;

	*to = *from;
	to->pulse = pulse;
	pulse_copy(&to->pulse, &from->pulse);
}

bool template_blend(const struct template *t, struct pulse_fit *fit)
{
	const struct widths *known = t->widths.seen.n > REBUILD_AT ? &t->widths : &t->widths_learned;
	double weight = known == &t->widths ? t->width_weight : widths_weight(known);
	double width = weight * (fit->width - known->seen.mean);

	if (weight > 0.0)
		fit->height /= pulse_widened(&t->pulse, width, widths_variance(known));
	fit->height = fit->height2 + t->width_weight * (fit->height - fit->height2);
	return fit->height > 0.0;
}

/* What the free width adds is independent of the height without it. */
double template_height_noise(const struct template *t, const struct pulse_fit *fit, double noise_n)
{
	double fixed = t->pulse.table.gram_inv2[0][0][0], free = fit->u_height_rel * fit->u_height_rel;

	return noise_n * sqrt(fixed + t->width_weight * t->width_weight * fmax(0.0, free - fixed));
}

double template_response(const struct template *t, double w)
{
	double height, height2;

	pulse_response(&t->pulse, w, &height, &height2);
	return height2 + t->width_weight * (height - height2);
}

bool template_refresh(struct template *t, double noise_n)
{
	bool first = !t->renewed;
	double shift;

	if (t->pulse.fold.strokes < REBUILD_AT ||
	    (double)t->pulse.fold.strokes < REBUILD_RATIO * (double)t->pulse.fold.built_from)
		return false;
	t->pulse.width_sd = sqrt(widths_variance(&t->widths));
	pulse_build(&t->pulse, t->period, noise_n, false, &shift);
	t->peak_offset = pulse_origin(&t->pulse);
	t->renewed = true;
	if ((double)t->pulse.fold.strokes > FOLD_MEMORY)
		pulse_forget_half(&t->pulse);
	t->width_weight = widths_weight(&t->widths);
	return first;
}

void template_end_block(struct template *t, unsigned strokes_min)
{
	bool strange = t->fitted >= strokes_min && 2 * t->strange > t->fitted;

	if (strange && t->given_up < GIVEN_UP_MAX) {
		t->pulse.ready = false;
		t->given_up++;
	}
	t->fitted = t->strange = 0;
}
