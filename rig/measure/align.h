/* Samples of two devices on one axis: the displacement of one box beside the force of another. Each box has its own
 * sample clock; both are fitted against the host's (clock.h), which leads from the index of a force sample over the
 * host's time to a place between displacement samples. There the displacement is interpolated, and both go on as one
 * block of two channels, as if one box had sent them.
 *
 * Pure and streaming; memory does not grow. What comes out depends on what was fed and on its arrival times, not on the
 * order in which blocks of the same arrival time are fed. Described in docs/method.md, "Devices of their own". */
#ifndef PENRIG_MEASURE_ALIGN_H
#define PENRIG_MEASURE_ALIGN_H

#include "rig/base/samples.h"
#include "rig/measure/channel_scale.h"
#include "rig/measure/clock.h"

/* One of the two devices. */
struct align_side {
	double rate_hz;                    /* nominal, > 0 */
	double latency_lo_s, latency_hi_s; /* from a sample to its earliest arrival, both >= 0 (rectangular) */
	double clock_rel;                  /* specification of its clock, +-, relative; holds before the fit does */
};

struct align_config {
	struct align_side force, bar;
	unsigned force_position;    /* in a frame */
	struct channel_scale scale; /* of the bar: where it stands in a frame, its counts and their ends */
	/* Receives blocks of two channels, force (counts as they came) and bar (see align_scale()), in order of force
	 * index, without a gap that the force had not. Where the bar has no value, they carry SAMPLE_UNPAIRED. */
	void (*emit)(void *ctx, const struct sample_block *block);
	void *ctx;
};

struct align;

int align_new(const struct align_config *config, struct align **ret); /* -EINVAL, -ENOMEM */
void align_free(struct align *align);                                 /* NULL is fine */

/* Blocks of either stream, in order within it. Before each, align_advance() with its arrival time. */
void align_force(struct align *align, const struct sample_block *block);
void align_bar(struct align *align, const struct sample_block *block);
/* Everything that arrived before host_ns has been fed: what can be paired goes out. What has waited for too long for
 * the bar goes out unpaired. */
void align_advance(struct align *align, uint64_t host_ns);
/* All that waits goes out, paired as far as it can be. */
void align_flush(struct align *align);

/* Of the bar's counts in the emitted blocks: finer than its own, so that interpolation rounds nothing. */
void align_scale(const struct align *align, struct channel_scale *ret);
/* Standard uncertainty (s) of where a force sample lies among the bar's: the scatter of both envelopes, the latencies,
 * and before the clocks can be fitted their specifications. INFINITY where one of them has sent nothing. */
double align_u_s(const struct align *align);
/* The part of it that does not stay the same from one end of a window to the other: what a time between two of the bar's
 * moments is unsure by, at each end. */
double align_wander_s(const struct align *align);
const struct sample_clock *align_bar_clock(const struct align *align);

/* Largest error of the interpolation, relative to the amplitude of a sine of signal_hz: four-point Lagrange between
 * samples at rate_hz, (3 / 128) w^4 with w = 2 pi signal_hz / rate_hz. */
double align_interpolation_rel(double rate_hz, double signal_hz);

#endif
