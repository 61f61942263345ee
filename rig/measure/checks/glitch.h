/* What is faster than the load cell can be: single samples and bursts that no motion makes. Each sample against the cubic
 * through its neighbours, r = x0 - [4 (x-1 + x1) - (x-2 + x2)] / 6; here all is in terms of 6 r. Samples are looked at in
 * chunks, in order. With neighbours a stride apart it is knocks of as many samples. Pure, constant memory, one vectorised
 * pass. */
#ifndef PENRIG_MEASURE_CHECKS_GLITCH_H
#define PENRIG_MEASURE_CHECKS_GLITCH_H

#include <stdbool.h>
#include <stdint.h>

#define GLITCH_MARGIN 2  /* strides before and behind a chunk that are looked at, too */
#define GLITCH_MERGED 5  /* flags nearer than this are of one glitch */
#define GLITCH_KEPT   33 /* chunks */
#define GLITCH_PLACES 128

/* What is known of the signal where a chunk lies. */
enum glitch_place {
	GLITCH_NOWHERE,  /* nothing is judged: no phase has begun */
	GLITCH_STILL,    /* the tare */
	GLITCH_STARTING, /* its features still grow */
	GLITCH_RUNNING,
};

/* The largest |6 r| of each of the last chunks. */
struct glitch_history {
	float most[GLITCH_KEPT];
	uint64_t seen;
	float low; /* a tenth of them are below, as it last was looked for; 0: not yet */
};

struct glitch_scan {
	double count_n; /* N per count, of the samples as they are */
	unsigned stride;
	uint64_t chunks;
	float place[GLITCH_PLACES]; /* |6 r| at fixed places */
	uint64_t places;
	double sd;         /* robust, of 6 r; 0: not yet known */
	double still_sd;   /* sd as it was in the tare */
	double still_n;    /* largest swing of a chunk of the tare */
	float top, bottom; /* of all chunks that ran */
	struct glitch_history still, running;
	struct glitch_history moving; /* chunks of the running pen and of the starting one */
};

/* count_n > 0, stride >= 1. */
void glitch_init(struct glitch_scan *scan, double count_n, unsigned stride);

/* Of a chunk of n >= 32 samples. */
struct glitch_swing {
	float lo, hi;
};
void glitch_swing(const float *x, unsigned n, struct glitch_swing *ret);

/* x[0 .. n) is the chunk, swing its own; GLITCH_MARGIN strides stand to both sides of it. n >= 32. Returns the largest |6 r| that is no
 * glitch; INFINITY: nothing of the chunk is above it, or nothing can be told. */
float glitch_look(struct glitch_scan *scan, const float *x, unsigned n, const struct glitch_swing *swing,
		  enum glitch_place place);
/* |6 r| of one sample. */
float glitch_at(const float *x, unsigned stride);

/* Samples in a row that are the same: fewer are chance. 0: not known, or there is no such number below `most`. */
unsigned glitch_frozen_least(const struct glitch_scan *scan, unsigned most);

#endif
