/* The one type that drivers fill and measure/ reads: a block of integer samples as the sensor sent them. */
#ifndef PENRIG_BASE_SAMPLES_H
#define PENRIG_BASE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#define CHANNELS_MAX          16
#define STREAMS_MAX           4
#define SAMPLES_PER_BLOCK_MAX 16384 /* counts in one block, all channels together; 64 KiB of int32 */

enum quantity {
	QUANTITY_FORCE,        /* N */
	QUANTITY_DISPLACEMENT, /* mm, needle bar beyond the cap plane is positive */
	QUANTITY_TEMPERATURE,  /* degC */
	QUANTITY_OTHER,
};

/* One channel as its sensor describes it. Physical value = offset + scale * count, in `unit`. */
struct channel {
	char name[16]; /* "force", "displacement", "handle", "tip", "ambient" */
	char unit[8];  /* "N", "mm", "degC" */
	enum quantity quantity;
	uint8_t stream;   /* which stream carries it: channels of one stream share rate and index */
	uint8_t position; /* place inside a frame of that stream, from 0 */
	uint8_t bits;     /* 16, 24 or 32: width on the wire */
	double rate_hz;   /* > 0 */
	double scale, offset;
	double range_lo, range_hi; /* physical; outside is over-range */
	double noise_rms;          /* physical, as declared; 0 = not declared */
	double bandwidth_hz;       /* -3 dB; 0 = not declared */
};

enum sample_flag {
	SAMPLE_SATURATED = 1 << 0,  /* a count in this block stands at the converter's end */
	SAMPLE_GAP = 1 << 1,        /* samples are missing just before first_index */
	SAMPLE_OVER_RANGE = 1 << 2, /* the sensor says that its range was left */
	SAMPLE_UNPAIRED = 1 << 3,   /* of two devices on one axis: the second channel has no value here; never of a
				       device's own block */
	SAMPLE_UNSTABLE = 1 << 4,   /* the instrument says that its reading has not come to rest */
};

/* counts[frame * channels + position]; borrowed: valid only inside the callback that hands the block over. */
struct sample_block {
	uint8_t device; /* which of the run's devices, as the record numbers them; a driver leaves it 0 */
	uint8_t stream;
	uint8_t channels;
	uint32_t flags;       /* enum sample_flag */
	uint32_t frames;      /* frames * channels <= SAMPLES_PER_BLOCK_MAX */
	uint64_t first_index; /* of frame 0, counted by the sensor since it started streaming; never reused in a session
			       */
	uint64_t host_ns;     /* monotonic arrival time of the last byte of the frame */
	uint64_t device_ns;   /* the sensor's own clock at first_index; 0 = it sends none */
	const int32_t *counts;
};

#endif
