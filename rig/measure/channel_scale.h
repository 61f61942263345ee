/* How the counts of one channel become its quantity, and where they end. */
#ifndef PENRIG_MEASURE_CHANNEL_SCALE_H
#define PENRIG_MEASURE_CHANNEL_SCALE_H

#include <stdint.h>

#include "rig/base/samples.h"

/* Quantity = offset + scale * count, in the channel's unit. */
struct channel_scale {
	int position; /* in a frame; -1: there is no such channel */
	double scale, offset;
	int32_t count_lo, count_hi; /* a count at or beyond these is saturated */
	double noise;               /* declared, rms, in the channel's unit; 0 = unknown */
};

/* As the sensor describes it, its converter's ends for limits: of 16 bits -32767 and 32767. */
struct channel_scale channel_scale_of(const struct channel *channel);

#endif
