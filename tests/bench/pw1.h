/* Workload PW1: a stroke force signal with exactly known truth, from a seed alone. Shared by tests and benchmarks. The
 * basic workload is fixed to the bit; its variants change one thing each. */
#ifndef PENRIG_TESTS_BENCH_PW1_H
#define PENRIG_TESTS_BENCH_PW1_H

#include <stddef.h>
#include <stdint.h>

#define PW1_FS_HZ 50000.0
#define PW1_SCALE (2.0 / 32768.0) /* N per count */
#define PW1_FORCE 0.60

struct pw1_random {
	uint64_t state;
	double spare;
	int has_spare;
};

double pw1_normal(struct pw1_random *random); /* SplitMix64 and Box-Muller, cosine first */
/* A state far from those of other seeds: SplitMix64 streams whose states are near are one stream, shifted. */
struct pw1_random pw1_seeded(uint64_t seed);

struct pw1_config {
	uint64_t seed;
	double snr_db, rate_hz, duty;
	double hum_hz, hum_wander_hz; /* the 50 Hz line; its frequency's swing, period 20 s */
	double width_sd;              /* relative, per stroke */
	double cell_hz, cell_damping; /* 0: none */
	double jitter;                /* of the period, random walk of instants */
	double jitter_independent;    /* of each instant, relative to the period; 0 in PW1 */
	double height_sd;
};

struct pw1_stroke {
	double start_s, width_s, height_n;
};

struct pw1 {
	struct pw1_config config;
	struct pw1_random strokes, noise;
	uint64_t index;
	struct pw1_stroke now, next;
	double grid_s; /* start of the next stroke before independent jitter */
	double hum_phase, cell_y, cell_v;
	void (*on_stroke)(void *ctx, const struct pw1_stroke *stroke);
	void *ctx;
};

struct pw1_config pw1_default(double snr_db); /* PW1 itself, seed 1 */
/* on_stroke may be NULL; it is called when a stroke is drawn, in order. */
void pw1_init(struct pw1 *pw1, const struct pw1_config *config,
	      void (*on_stroke)(void *ctx, const struct pw1_stroke *stroke), void *ctx);
void pw1_fill(struct pw1 *pw1, int32_t *counts, size_t n);

#endif
