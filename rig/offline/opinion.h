/* A second opinion on the uncertainty of every judged result of a run (JCGM 101): measure/monte_carlo.h. */
#ifndef PENRIG_OFFLINE_OPINION_H
#define PENRIG_OFFLINE_OPINION_H

#include "rig/offline/replay.h"

struct opinion_request {
	uint64_t trials; /* CARLO_TRIALS_MIN to _MAX for each result */
	uint64_t seed;
	void *ctx;
	/* Point or sweep (point NULL; its number, from 0) and the finding, whose opinion stands. */
	void (*formed)(void *ctx, const struct record_point *point, unsigned sweep, const struct finding *finding);
};

/* Of each result that has a limit, a value and an uncertainty, of the points that count and of the sweeps, in their order;
 * each draws from a seed of its own. The record as it was derived again from `inputs`. -ENOMEM. */
int opinions_form(struct record *record, const struct replay_inputs *inputs, const struct opinion_request *request,
		  struct err *err);

#endif
