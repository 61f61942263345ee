/* Which strokes make the mean pulse. */
#include "rig/measure/point/observe_mean.h"

#include <math.h>

/* Of the longest half window of a template: the stroke itself, and what follows it up to the next contact. */
#define BEFORE        0.7
#define AFTER         1.25

#define WIDTH_STRANGE 0.2 /* relative: of another shape than the pulse that the mean is of */

int observe_mean_init(struct analysis *a)
{
	double half = a->template.pulse.half_max;

	return mean_pulse_init(&a->observed.mean_pulse, (unsigned)(BEFORE * half), (unsigned)(AFTER * half));
}

void observe_mean_release(struct analysis *a)
{
	mean_pulse_release(&a->observed.mean_pulse);
}

/* flat reaches half_max and two samples beyond the block. */
void observe_mean_stroke(struct analysis *a, const struct span *span, const struct pulse_fit *fit)
{
	struct mean_pulse *mean = &a->observed.mean_pulse;
	const struct stretch *samples = &a->now.samples;
	struct mean_source source = {samples->raw, samples->force, a->flat, (double)samples->base};
	long flat_end = span->end + a->template.pulse.half_max + 2;
	double at = fit->at + a->template.peak_offset;

	flat_end = flat_end > span->limit ? span->limit : flat_end;
	if (fabs(fit->width) < WIDTH_STRANGE && at - mean->before - 1.0 > (double)a->from &&
	    at + mean->after + 2.0 < (double)flat_end && mean_pulse_wants(mean))
		mean_pulse_add(mean, &source, at);
}
