/* A figure with its confidence interval. */
#ifndef PENRIG_STUDY_INTERVAL_H
#define PENRIG_STUDY_INTERVAL_H

struct interval {
	double value, lo, hi; /* NaN: not known */
};

/* A sum of independent mean squares, each scaled: c MS of dof degrees. Its interval by modified large samples [Graybill, Wang
 * 1980]: exact chi-square limits of each term, their distances added in quadrature; of a difference of two with the cross term
 * that makes it exact where the difference is 0 [Ting, Burdick, Graybill, Jeyaratnam, Lu 1990]. */
struct mean_square {
	double c, ms, dof;
};
struct interval sum_of_squares_interval(const struct mean_square *term, unsigned count, double confidence);
/* The square root of a variance and of its limits; below 0: 0. */
struct interval interval_root(struct interval variance);

/* k of n, by Wilson's score [Wilson 1927; Newcombe 1998, method 3]. */
struct interval wilson_interval(unsigned k, unsigned n, double confidence);

#endif
