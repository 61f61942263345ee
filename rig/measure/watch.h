/* Is the channel alive, and do the needles stand still? The start interlock and the verified stop rest on this. Fed
 * with every block of a force channel for as long as it streams, it answers at any moment, without any estimator. */
#ifndef PENRIG_MEASURE_WATCH_H
#define PENRIG_MEASURE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/samples.h"
#include "rig/measure/channel_scale.h"

struct watch_config {
	double fs_hz;
	struct channel_scale channel; /* noise 0: any changing count is alive */
	double preload_lo_n, preload_hi_n;
	double still_n; /* a swing (max - min of 1 ms means over 20 ms) above this is a stroke */
};

/* All state over the last window of 50 ms, hum included. */
struct watch {
	struct watch_config config;
	uint64_t next_index;   /* one past the last sample seen */
	uint64_t last_host_ns; /* arrival of the last block */
	/* How much earlier the last sample was taken than it arrived, as far as arrivals tell: what waited in a queue while
	 * nobody read it. 0: it came as soon as any. */
	uint64_t behind_ns;
	uint64_t last_motion; /* index of the last sample of a millisecond that swung more than still_n; 0 before any */
	uint64_t last_shift;  /* index where the 50 ms mean was last seen further than still_n from where it then was */
	/* Slow motion: index where the 50 ms mean was last seen further from where it was when the swings ended, or from where
	 * it was when last seen so, than watch_drift_max_n() allows; 0 before any. A window that saw a swing does not count. */
	uint64_t last_drift;
	/* The newest such index that no coast-down explains, since watch_ran(): more than 0.3 s behind the last swing. 0: none. */
	uint64_t crept;
	double rest_n; /* force_n when the pen was last about to run: without needles in the phantom; INFINITY: not known */
	uint64_t last_saturated;      /* index of the last saturated sample + 1; 0 = none */
	uint64_t gaps;                /* samples known to be missing since watch_init */
	double force_n;               /* mean of the last 50 ms */
	double noise_n;               /* rms of successive differences / sqrt 2 over the last 50 ms */
	bool stuck;                   /* not one count changed in the last 50 ms */
	bool noise_dead;              /* noise below a tenth of the declared one */
	struct {                      /* strokes as a running pen makes them, since watch_ran(); indices 0: none */
		double top_n;         /* the greatest swing; half of it is a stroke, which a motor that creeps does
					 not make within 20 ms */
		uint64_t since, last; /* the newest of them without a break of more than 100 ms */
	} strokes;
	struct { /* the earliest arrivals, as a line over the index */
		bool known;
		uint64_t index, host_ns; /* a point of it */
		double fell_ns;          /* by so much it was found to be too late, lately */
	} pace;
	struct {
		double sum, diff_squares, bin_sum;
		double bin_mean[64], bin_diff[64]; /* 1 ms bins, ring */
		uint32_t bin_count, bin_len, bins, head, samples, changes, bin_changes[64];
		int32_t last;
		uint64_t start;          /* first sample after watch_init or after the last gap of more than 20 ms */
		double level_n;          /* the 50 ms mean at last_shift */
		double calm_n;           /* from where the 50 ms mean may not drift */
		uint32_t calm_bins;      /* without a swing, up to WINDOW_BINS: calm_n is known */
		uint64_t closed;         /* one past the last sample of the last full bin */
		uint64_t gaps_at_motion; /* watch.gaps when last_motion or start was set */
	} state;
};

void watch_init(struct watch *watch, const struct watch_config *config);
/* A pen begins to run: what a stroke is, when there were any and where the force rests is learned anew. */
void watch_ran(struct watch *watch);
void watch_feed(struct watch *watch, const struct sample_block *block);
/* Of the sample that is taken at this moment: one past all that were taken before, whether they have arrived or not. */
uint64_t watch_index_at(const struct watch *watch, uint64_t now_ns);

enum watch_verdict { WATCH_OK, WATCH_NO_DATA, WATCH_STALE, WATCH_STUCK, WATCH_SATURATED, WATCH_PRELOAD, WATCH_MOVING };
const char *watch_verdict_text(enum watch_verdict verdict);

/* Fresh (its last sample taken within max_age_ns), alive, unsaturated in the last 50 ms, seating force in its window. */
enum watch_verdict watch_alive(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns);

/* The same, and no motion during the last quiet_s seconds of samples. Gaps of up to 20 ms are bridged as long as they
 * are less than a tenth of the time since the last motion. */
enum watch_verdict watch_still(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns, double quiet_s);
/* Seconds of samples since motion was last seen. Of a watch that was begun. */
double watch_quiet_s(const struct watch *watch);

/* The same, and the level has not shifted by more than still_n either: what moves too slowly to swing within 20 ms. */
enum watch_verdict watch_steady(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns, double quiet_s);
/* Stillness as watch_still(), and no drift during the last quiet_s seconds. Unlike watch_steady() it wants no time more than
 * that behind the last stroke: the level that may not drift is the first one without a stroke in it. */
enum watch_verdict watch_level(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns, double quiet_s);
/* How far the level may go from `from_n` to `to_n` without a motion of needles, in the channel's unit: still_n, and where it
 * falls towards rest_n a tenth of its height above that, by which a phantom with needles in it relaxes in seconds. */
double watch_drift_max_n(const struct watch *watch, double from_n, double to_n);

#endif
