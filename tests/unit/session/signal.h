/* What a load sensor would send: force and needle bar at 1 kHz, blocks of 5 samples, with as much noise as a live signal
 * has. For tests of what watches it. */
#ifndef PENRIG_TESTS_SESSION_SIGNAL_H
#define PENRIG_TESTS_SESSION_SIGNAL_H

#include <math.h>
#include <string.h>

#include "rig/base/loop.h"
#include "rig/session/guard.h"

#define BLOCK_FRAMES 5
#define SIGNAL_HZ    1000.0
#define SEAT_COUNTS  200 /* 0.2 N */

struct signal {
	uint64_t index;
	double strokes_hz; /* of force; 0: none */
	double bar_hz;
	int seat;             /* counts of force between strokes */
	bool dead, saturated; /* force */
	bool bar_dead;
	uint32_t seed;
	int32_t counts[2 * BLOCK_FRAMES];
};

static inline int noise(struct signal *s)
{
	s->seed = s->seed * 1664525u + 1013904223u;
	return (int)(s->seed >> 30) - 1;
}

/* A stroke is a push of 0.3 N for a fifth of its period. */
static inline int32_t force_count(struct signal *s)
{
	if (s->saturated)
		return 10000;
	if (s->dead)
		return s->seat;
	double phase = fmod((double)s->index / SIGNAL_HZ * s->strokes_hz, 1.0);
	return s->seat + noise(s) + (s->strokes_hz > 0 && phase < 0.2 ? 300 : 0);
}

static inline int32_t bar_count(struct signal *s)
{
	double phase = (double)s->index / SIGNAL_HZ * s->bar_hz;
	return s->bar_dead ? 0 : noise(s) + (int32_t)(500 * sin(2 * M_PI * phase));
}

/* The next block; borrowed until the one after it. */
static inline struct sample_block next_block(struct signal *s, uint64_t host_ns)
{
	struct sample_block block = {
		.channels = 2, .frames = BLOCK_FRAMES, .first_index = s->index, .host_ns = host_ns};
	for (unsigned i = 0; i < BLOCK_FRAMES; i++, s->index++) {
		s->counts[2 * i] = force_count(s);
		s->counts[2 * i + 1] = bar_count(s);
	}
	block.counts = s->counts;
	return block;
}

static inline struct guard_channel force_watched(void)
{
	return (struct guard_channel){
		.patience = patience_of(SIGNAL_HZ),
		.watch = {.fs_hz = SIGNAL_HZ,
			  .channel = {.position = 0, .scale = 1e-3, .count_lo = -9000, .count_hi = 9000},
			  .preload_lo_n = 0.1,
			  .preload_hi_n = 0.3,
			  .still_n = 0.02},
	};
}

static inline struct guard_channel bar_watched(void)
{
	return (struct guard_channel){
		.patience = patience_of(SIGNAL_HZ),
		.watch = {.fs_hz = SIGNAL_HZ,
			  .channel = {.position = 1, .scale = 1e-3, .count_lo = -9000, .count_hi = 9000},
			  .preload_lo_n = -INFINITY,
			  .preload_hi_n = INFINITY,
			  .still_n = 0.03},
	};
}

#endif
