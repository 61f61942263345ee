/* The sensor's sample clock against the host's, by the lower envelope of arrival times: a block can be late, but never
 * early. */
#ifndef PENRIG_MEASURE_CLOCK_H
#define PENRIG_MEASURE_CLOCK_H

#include <stdint.h>

#define CLOCK_ENVELOPE_MAX 512

struct clock_point {
	uint64_t index;
	uint64_t host_ns;
};

struct sample_clock {
	double nominal_hz;
	unsigned points;
	uint64_t bucket_len; /* samples per envelope point; doubles when the table is full */
	uint64_t first_index, first_ns, last_index, last_ns;
	struct clock_point envelope[CLOCK_ENVELOPE_MAX]; /* earliest arrival, relative to nominal, of each bucket */
};

void sample_clock_init(struct sample_clock *clock, double nominal_hz);
/* last_index: index of the last sample in the block that arrived at host_ns. */
void sample_clock_feed(struct sample_clock *clock, uint64_t last_index, uint64_t host_ns);

/* Rate of the sensor clock over the host's, minus 1 (ppm = 1e6 times), by the convex lower hull's robust slope, with
 * its standard uncertainty. -ENODATA under 3 s of data. */
int sample_clock_rate(const struct sample_clock *clock, double *ret_rel, double *ret_u_rel);
/* By how much more that rate may be off, relative, at most: blocks arrive in frames of a bus (1 ms), so an error that does
 * not carry them from one frame into the next within the span leaves no trace, scatter or not. INFINITY: no span yet. */
double sample_clock_grain(const struct sample_clock *clock);
#define CLOCK_GRAIN_S 1e-3 /* over the span: that grain */
/* The same between the first and the last quarter of a short stretch, for which `clock` was begun anew: coarser, and
 * not deceived by a clock that changed its rate on the way. -ENODATA under 12 envelope points (0.24 s). */
int sample_clock_drift(const struct sample_clock *clock, double *ret_rel, double *ret_u_rel);
/* The line by which index and host time belong together, in seconds: from first_ns on the host's side, from first_index
 * on the device's. host = intercept + (1 + slope) * index / nominal_hz. */
struct clock_line {
	double slope, intercept_s;
	double u_s; /* standard uncertainty of a sample's host time at either end of what was fed; INFINITY: nothing was */
};
/* Under 3 s of data the nominal rate is taken, with spec_rel (+-, rectangular) for its uncertainty. */
void sample_clock_line(const struct sample_clock *clock, double spec_rel, struct clock_line *ret);

/* Sample index (with fraction) that was being taken at host time t; by nominal rate and envelope. NaN before the first
 * block. */
double sample_clock_index_at(const struct sample_clock *clock, uint64_t host_ns);

#endif
