/* A figure with its confidence interval. */
#ifndef PENRIG_STUDY_INTERVAL_H
#define PENRIG_STUDY_INTERVAL_H

struct interval {
	double value, lo, hi; /* NaN: not known */
};

/* A sum of independent mean squares, each scaled: c MS of dof degrees. Its interval by modified large samples [Graybill, Wang
 * 1980]: exact chi-square limits of each term, their distances added in quadrature; of each pair of a positive and a negative
 * term with the cross term that makes it exact where their difference is 0 [Ting, Burdick, Graybill, Jeyaratnam, Lu 1990]. count up to
 * SUM_TERMS_MAX. */
#define SUM_TERMS_MAX 4
struct mean_square {
	double c, ms, dof;
};
struct interval sum_of_squares_interval(const struct mean_square *term, unsigned count, double confidence);
/* The same of a sum whose largest term is known well beside one of few degrees, as parts beside appraisers are: the upper limit is
 * drawn in, for such terms lie far below their truths together less often than each. How far: by draws with a fixed seed about
 * truths that the sum may have come of; the less, the more of it lies in the term of fewest degrees, and not at all from two
 * fifths on. */
struct interval total_interval(const struct mean_square *term, unsigned count, double confidence);
/* The square root of a variance and of its limits; below 0: 0. */
struct interval interval_root(struct interval variance);

/* k of n, by Wilson's score [Wilson 1927; Newcombe 1998, method 3]. */
struct interval wilson_interval(unsigned k, unsigned n, double confidence);

#endif
