/* A handle that warms up by two nodes, under a channel whose calibration is a little wrong: for the coverage of the
 * steady temperature. Shared by tests/bench/trials.c and tests/unit/measure. */
#ifndef PENRIG_TESTS_BENCH_HEAT_TRIAL_H
#define PENRIG_TESTS_BENCH_HEAT_TRIAL_H

#include <math.h>
#include <stdlib.h>

#include "rig/measure/temperature.h"
#include "tests/bench/pw1.h"

#define HEAT_EVERY_S 4.0

struct heat_regime {
	const char *name;
	double noise_k, u_sensor_k;
	double window_lo, window_hi; /* in slow time constants */
	double fast_share;           /* of the rise */
};

struct heat_score {
	unsigned trials, refused, covered, false_accepts;
	double squares;
};

static const struct heat_regime heat_regimes[] = {
	{.name = "channel rules",
	 .noise_k = 0.035,
	 .u_sensor_k = 0.15,
	 .window_lo = 2.0,
	 .window_hi = 4.0,
	 .fast_share = 0.3},
	{.name = "fit rules",
	 .noise_k = 0.035,
	 .u_sensor_k = 0.005,
	 .window_lo = 1.5,
	 .window_hi = 4.0,
	 .fast_share = 0.3},
	{.name = "one node",
	 .noise_k = 0.035,
	 .u_sensor_k = 0.005,
	 .window_lo = 1.5,
	 .window_hi = 4.0,
	 .fast_share = 0.0},
};
#define HEAT_REGIMES (sizeof(heat_regimes) / sizeof(heat_regimes[0]))

static inline void heat_run(const struct heat_regime *g, uint64_t seed, struct heat_score *score)
{
	struct pw1_random random = pw1_seeded(seed);
	struct thermal_config config = {.site = "handle",
					.id = MEASURAND_HANDLE_TEMPERATURE,
					.u_sensor_k = g->u_sensor_k,
					.rated_ambient_c = NAN};
	double slow = 200.0 + 20.0 * pw1_normal(&random), fast = 20.0 + 2.0 * pw1_normal(&random);
	double rise = 12.0 + pw1_normal(&random), offset = g->u_sensor_k * pw1_normal(&random);
	double share = 0.5 * erfc(-pw1_normal(&random) * M_SQRT1_2), truth = 23.0 + rise;
	double window = slow * (g->window_lo + share * (g->window_hi - g->window_lo));
	struct thermal *thermal = NULL;
	struct result r[4];

	if (thermal_new(&config, &thermal) != 0)
		abort();
	for (double t = 0.0; t < window; t += HEAT_EVERY_S) {
		double left = (1.0 - g->fast_share) * exp(-t / slow) + g->fast_share * exp(-t / fast);

		thermal_feed(thermal, t, truth - rise * left + offset + g->noise_k * pw1_normal(&random), NAN);
	}
	thermal_finish(thermal, r, 4);
	thermal_free(thermal);
	score->trials++;
	if (!r[2].trusted) {
		score->refused++;
		return;
	}
	score->covered += fabs(r[2].value - truth) <= r[2].expanded_u;
	score->false_accepts += r[2].value + r[2].expanded_u < truth;
	score->squares += pow((r[2].value - truth) / r[2].u, 2.0);
}

static inline void heat_join(struct heat_score *score, const struct heat_score *other)
{
	score->trials += other->trials;
	score->refused += other->refused;
	score->covered += other->covered;
	score->false_accepts += other->false_accepts;
	score->squares += other->squares;
}

#endif
