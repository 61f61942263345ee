/* One recording through the estimators, held against its truth. What the certificates leave open is integrated: an error
 * that is normal with their uncertainty is thought to be added to the result, so each trial gives the probability that the
 * result is outside U, not only yes or no. */
#ifndef PENRIG_TESTS_BENCH_MISFIT_TRIAL_H
#define PENRIG_TESTS_BENCH_MISFIT_TRIAL_H

#include "rig/measure/model_check.h"
#include "rig/measure/result.h"
#include "tests/bench/recording.h"

enum misfit_claim {
	CLAIM_DEPTH,
	CLAIM_DEPTH_PROCESS,
	CLAIM_RATE,
	CLAIM_DEPTH_SD,         /* of the strokes made */
	CLAIM_DEPTH_SD_PROCESS, /* the same result, held against the process that they are a sample of */
	CLAIM_DEPTH_MAX,
	CLAIM_JITTER, /* of the strokes made */
	CLAIM_JITTER_PROCESS,
	CLAIM_TOLERANCE, /* outside: less of the process between the two limits than their content */
	CLAIMS
};

struct claim_outcome {
	bool trusted; /* and valid */
	double value, expanded_u, error;
	double outside; /* P(|error| > U), if trusted */
	/* P(pass) of a limit at the truth, from above and from below: a pen just beyond it. 0 if not trusted. */
	double accept_upper, accept_lower;
	double truth;
	char reason[160];
};

struct misfit_outcome {
	struct claim_outcome claim[CLAIMS];
	bool miscounted; /* trusted numbers of missed or double strokes that the pen did not make */
	unsigned strokes, strokes_made;
	enum check_state state[MODEL_CHECKS];
};

const char *misfit_claim_name(enum misfit_claim claim);
/* Is it one whose limits are upper ones alone? Scatters and the largest stroke are. */
bool misfit_claim_upper(enum misfit_claim claim);

struct misfit_results {
	unsigned count, checks;
	struct result result[RESULTS_PER_POINT_MAX];
	struct check_result check[MODEL_CHECKS];
};

/* Aborts where memory lacks. */
void misfit_measure(const struct recording *r, const struct take *take, struct misfit_results *ret);
/* The one of that name, of whatever method where it is NULL. Aborts where there is none: its name is part of the contract. */
const struct result *misfit_find(const struct misfit_results *of, const char *name, const char *method);
void misfit_judge(const struct recording *r, const struct take *take, const struct misfit_results *results,
		  struct misfit_outcome *ret);
/* recording_make, misfit_measure, misfit_judge. */
void misfit_run(const struct recording *r, struct misfit_outcome *ret);

#endif
