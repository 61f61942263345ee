/* Gauge repeatability and reproducibility, crossed or nested [AIAG, Measurement Systems Analysis, 4th edition, chapter III]. Parts are the
 * pens, appraisers operators or set-ups. All standard deviations are of one measurement, in the values' unit. */
#ifndef PENRIG_STUDY_GRR_H
#define PENRIG_STUDY_GRR_H

#include <stdbool.h>

#include "rig/study/anova.h"
#include "rig/study/interval.h"

#define GRR_NDC_MAX 1e6
#define GRR_POOL_P  0.25 /* AIAG: an interaction less significant than this is pooled into repeatability */

enum grr_method { GRR_RANGE /* average and range */, GRR_ANOVA };

struct grr {
	enum grr_method method;
	unsigned parts, appraisers, trials;
	bool nested;                /* each appraiser measured pens of its own; `parts` is how many */
	bool pooled;                /* ANOVA: there is no interaction to speak of, and it is counted as repeatability */
	struct anova_two_way anova; /* of GRR_ANOVA: a are the parts, b the appraisers; before pooling */
	/* repeatability, appraisers (with the interaction), both; parts; all. lo, hi: of GRR_ANOVA, else NaN */
	struct interval ev, av, grr, pv, tv;
	double interaction;   /* sd, in av; 0 where pooled */
	double percent_study; /* 100 GRR / TV */
	double ndc; /* 1.41 PV / GRR, cut to a whole number, GRR_NDC_MAX at most; INFINITY where GRR alone is 0 */
};

/* x[(part * appraisers + appraiser) * trials + trial]; parts, appraisers, trials from 2, each of the range method up to
 * SUBGROUP_MAX. A variance that comes out below 0 is 0. */
void grr_of(const double *x, unsigned parts, unsigned appraisers, unsigned trials, enum grr_method method,
	    double confidence, struct grr *ret);
/* Each appraiser has parts of its own: x[(appraiser * parts + part) * trials + trial]; by analysis of variance. grr.anova.a are the
 * parts within appraisers, tested against what repeats, b the appraisers, tested against the parts. */
void grr_nested_of(const double *x, unsigned parts, unsigned appraisers, unsigned trials, double confidence,
		   struct grr *ret);
/* 100 times six GRR over the width of the tolerance; NaN where a limit is missing. */
double grr_percent_tolerance(const struct grr *grr, double lower, double upper);

#endif
