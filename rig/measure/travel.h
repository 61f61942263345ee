/* Do rate and depth still travel behind a start? Strokes as the light pass finds them, the newest ones kept; of a stretch of
 * them the change from its first half to its second, with what it is not known by. docs/method.md, "Settling". */
#ifndef PENRIG_MEASURE_TRAVEL_H
#define PENRIG_MEASURE_TRAVEL_H

#include <stdint.h>

#define TRAVEL_STROKES 1024 /* kept; a stretch that holds more begins later */

struct travel_stroke {
	double instant, depth_mm; /* depth_mm: any of the right scale; NaN where it has none */
};

struct travel { /* zero-initialise */
	uint64_t n;
	struct travel_stroke stroke[TRAVEL_STROKES];
};

/* The next stroke; instant in samples, increasing. */
void travel_add(struct travel *travel, double instant, double depth_mm);

/* The size of the change and the expanded uncertainty of it together. INFINITY: too few strokes show it, or some have no
 * depth. */
struct travelled {
	double depth_mm, rate_hz;
};

/* Of the strokes from one instant to before another, at so many samples a second. Pure. */
void travel_find(const struct travel *travel, double from, double to, double fs_hz, struct travelled *ret);

#endif
