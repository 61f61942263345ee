/* Holes in the force: which strokes they touch, and what they may hide. */
#include "rig/measure/point/holes.h"

#include <math.h>
#include <string.h>

#define AROUND 2.0   /* samples of the pulse's edge */
#define CAP    0.125 /* of a period to both sides of a stroke, while no pulse is known */

void holes_take(struct analysis *a)
{
	struct holes *h = &a->holes;

	for (; h->taken < a->now.holes_put; h->taken++) {
		const struct hole *hole = &a->now.holes[h->taken % HOLES_RING];

		if (h->count == HOLES_HELD)
			h->at[h->count - 1].end = hole->end;
		else
			h->at[h->count++] = *hole;
	}
}

bool holes_touch(const struct analysis *a, double at)
{
	const struct pulse *pulse = &a->template.pulse;
	double lo = at - CAP * a->grid.period, hi = at + CAP * a->grid.period;

	if (pulse->ready) {
		lo = at + pulse->support_lo - AROUND;
		hi = at + pulse->support_hi + AROUND;
	}
	for (unsigned i = 0; i < a->holes.count; i++) {
		if ((double)a->holes.at[i].from <= hi && (double)a->holes.at[i].end > lo)
			return true;
	}
	return false;
}

void holes_tell(struct analysis *a, double until)
{
	const struct pulse *pulse = &a->template.pulse;
	double period = pulse->ready ? a->template.period : a->grid.period;
	double hides = pulse->ready ? 0.5 * (pulse->support_hi - pulse->support_lo) : CAP * period;
	struct holes *h = &a->holes;

	for (; h->told < h->count && (double)h->at[h->told].from < until; h->told++) {
		const struct hole *hole = &h->at[h->told];

		if (axis_phase_at(&a->now.axis, (double)hole->from) <= POINT_MEASURE &&
		    axis_phase_at(&a->now.axis, (double)hole->end) >= POINT_MEASURE)
			tally_hole(&a->tally, (double)(hole->end - hole->from), hides, period, hole->frozen);
	}
}

void holes_drop(struct analysis *a, long before)
{
	struct holes *h = &a->holes;
	unsigned gone = 0;

	while (gone < h->told && h->at[gone].end < before)
		gone++;
	memmove(h->at, h->at + gone, (h->count - gone) * sizeof(h->at[0]));
	h->count -= gone;
	h->told -= gone;
}
