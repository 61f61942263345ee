/* A pen that settles behind its start, on a recording of one length: its window begins where the rule says, or after a fixed
 * time, and is measured to the same end. */
#ifndef PENRIG_TESTS_BENCH_SETTLE_TRIAL_H
#define PENRIG_TESTS_BENCH_SETTLE_TRIAL_H

#include "rig/config/window.h"
#include "tests/bench/misfit_trial.h"

struct settle_family {
	const char *name;
	double depth_mm, rate, tau_s; /* how much lacks at the start, and how fast it comes */
	double sd_mm;                 /* of the pen; 0: as drawn */
};

extern const struct settle_family settle_families[];
extern const unsigned settle_family_count;

struct settle_outcome {
	double settle_s;          /* from the start to the window */
	double lacks_mm;          /* mean of the window less the depth that is settled to, in truth */
	bool shown;               /* the rule was met before the longest time */
	struct misfit_outcome of; /* depths held against the one that is settled to */
};

/* rule NULL: after fixed_s. Aborts where memory lacks. */
void settle_run(const struct settle_family *family, uint64_t seed, const struct window *rule, double fixed_s,
		struct settle_outcome *ret);

#endif
