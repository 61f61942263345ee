/* The template in use: the pulse that was learned, which strokes it is of, and how far a stroke's own width counts. */
#ifndef PENRIG_MEASURE_POINT_TEMPLATE_H
#define PENRIG_MEASURE_POINT_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/point/pulse.h"
#include "rig/measure/statistics.h"

/* Relative widths as fitted, and the sum of their variances from noise. */
struct widths {
	struct moments seen;
	double noise2;
};

void widths_add(struct widths *widths, const struct pulse_fit *fit, double noise_n);
/* Of the widths themselves: without the noise. */
double widths_variance(const struct widths *widths);

struct template
{
	struct pulse pulse;
	double period;      /* of the strokes it was learned from, samples */
	double peak_offset; /* from a stroke's tau = 0 to its instant */
	bool renewed;       /* from strokes of the window */
	uint64_t learned;   /* strokes of the first template */

	/* of this block: strokes fitted, and those of another width than the template's */
	unsigned fitted, strange;
	unsigned given_up; /* templates of the point that fitted none of what followed */

	double width_weight;
	struct widths widths_learned, widths; /* of the strokes it was learned from; of the window */
};

/* period: commanded, samples. -ENOMEM. Released in either case. */
int template_init(struct template *template, double period);
void template_release(struct template *template);
void template_copy(struct template *to, const struct template *from); /* as pulse_copy() */

/* The height of a stroke as pulse_fit() left it becomes a blend of what a free width and the template's own make of it.
 * False: no height that a stroke has. */
bool template_blend(const struct template *template, struct pulse_fit *fit);
/* sd that noise of noise_n puts into a height of template_blend(). */
double template_height_noise(const struct template *template, const struct pulse_fit *fit, double noise_n);
/* What of a disturbance's amplitude, cos(w tau) about the peak, such a height takes in; w in rad per sample. */
double template_response(const struct template *template, double w);

/* Anew from the strokes of the window folded so far, where they are enough more than last time. True: the strokes that
 * the one before was made of are not among them. */
bool template_refresh(struct template *template, double noise_n);
/* The end of a block: a template that fitted none of its strokes is given up, a few times. */
void template_end_block(struct template *template, unsigned strokes_min);

#endif
