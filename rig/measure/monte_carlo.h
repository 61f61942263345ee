/* A second opinion on U (JCGM 101): the inputs of a result's budget are drawn, each from its own distribution, and sent
 * through the model of the measurement; what comes out is compared with the first-order interval of JCGM 100. */
#ifndef PENRIG_MEASURE_MONTE_CARLO_H
#define PENRIG_MEASURE_MONTE_CARLO_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/curve.h"
#include "rig/measure/result.h"

#define CARLO_TRIALS_MIN 10000
#define CARLO_TRIALS_MAX 1000000000

struct carlo_setup {
	const struct curve *curve; /* through which a depth by force was found; NULL: its budget is taken as linear */
	double setpoint_mm;        /* of a depth error */
	bool clock_measured; /* the clock's u is that of a comparison with the host, normal; else of a specification,
				    * rectangular */
	uint64_t trials;     /* CARLO_TRIALS_MIN to _MAX; more are made where they do not fill the last batch */
	uint64_t seed;       /* the same seed gives the same outcome, bit for bit */
};

enum carlo_opinion {
	CARLO_GOOD_ENOUGH, /* both ends of the first-order interval are within the numerical tolerance */
	CARLO_NOT_GOOD,    /* one of them is not */
	CARLO_TOO_FEW      /* the trials do not tell */
};

/* In the result's unit. */
struct carlo_outcome {
	uint64_t trials;
	double mean, sd;
	double lower, upper;           /* the shortest 95 % interval (JCGM 101, 7.7) */
	double even_lower, even_upper; /* the probabilistically symmetric one */
	double apart;                  /* the larger distance of its ends from value -+ U */
	double s;                      /* standard uncertainty of that, for the number of trials */
	double tolerance;              /* half a unit in the second digit of u (7.9.2) */
	double outside;                /* share of trials beyond the curve, taken along the slope at the value */
	enum carlo_opinion opinion;
};

/* The result must be valid with finite value and u > 0. Memory: one batch of at most 1e5 numbers. -ENOMEM. */
int monte_carlo(const struct result *result, const struct carlo_setup *setup, struct carlo_outcome *ret);

#endif
