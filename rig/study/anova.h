/* Analysis of variance. Sums are of deviations, so that digits survive a large common value. */
#ifndef PENRIG_STUDY_ANOVA_H
#define PENRIG_STUDY_ANOVA_H

struct anova_row {
	double squares, dof, mean; /* mean square */
	double f, p;               /* NaN where it is not tested */
};

struct anova_one_way {
	struct anova_row between, within;
	double total, r2, residual_sd;
};
/* group[i]: which of `groups` value i belongs to, from 0; each has one value at least, and n > groups > 1. */
void anova_one_way(const double *x, const unsigned *group, unsigned n, unsigned groups, struct anova_one_way *ret);

/* Balanced, two factors crossed, with interaction: x[(a * levels_b + b) * repeats + r]. repeats >= 2. F of a and b against the
 * interaction, of the interaction against what repeats. */
struct anova_two_way {
	struct anova_row a, b, interaction, repeat;
};
void anova_two_way(const double *x, unsigned levels_a, unsigned levels_b, unsigned repeats, struct anova_two_way *ret);

/* Balanced, b nested in a: x[(a * levels_b + b) * repeats + r]. F of a against b, of b against what repeats. */
struct anova_nested {
	struct anova_row a, b, repeat;
};
void anova_nested(const double *x, unsigned levels_a, unsigned levels_b, unsigned repeats, struct anova_nested *ret);

#endif
