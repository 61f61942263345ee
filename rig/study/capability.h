/* Process capability [ISO 22514-2; NIST/SEMATECH e-Handbook 6.1.6]. Cp and Cpk use the sigma within, as a control chart shows it, Pp
 * and Ppk the overall one; which one a figure used is its name. */
#ifndef PENRIG_STUDY_CAPABILITY_H
#define PENRIG_STUDY_CAPABILITY_H

#include "rig/study/control.h"
#include "rig/study/interval.h"

struct capability {
	unsigned n;
	double mean, within, within_dof, overall;
	struct interval cp, pp;   /* NaN where one side has no limit */
	struct interval cpk, ppk; /* to the nearer limit */
};

/* lower, upper: limits of the product, NaN where there is none, but not both. The interval of a two-sided width is chi-square's;
 * that of one limit is exact, by Student's t, not central; of two limits each end is the smaller of both sides': where the process
 * lies in the middle one side's error is made up for by the other's. n >= 2; limits->within > 0. */
void capability_of(const double *x, unsigned n, const struct control_limits *limits, double lower, double upper,
		   double confidence, struct capability *ret);
/* The same from figures: mean of n values, sigma of dof degrees. */
struct interval capability_width(double sigma, double dof, double lower, double upper, double confidence);
struct interval capability_nearer(double mean, unsigned n, double sigma, double dof, double lower, double upper,
				  double confidence);

#endif
