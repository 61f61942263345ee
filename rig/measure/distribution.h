/* Distributions by which studies judge, through GSL: probabilities and quantiles. p in (0, 1); dof > 0, INFINITY where it says
 * so. NaN where there is no value. */
#ifndef PENRIG_MEASURE_DISTRIBUTION_H
#define PENRIG_MEASURE_DISTRIBUTION_H

double normal_below(double x); /* of the standard normal */
double normal_quantile(double p);
double normal_density(double x);
double student_above(double t, double dof);
double student_quantile(double p, double dof); /* dof INFINITY: normal */
double chi2_below(double x, double dof);
double chi2_at(double p, double dof);                    /* quantile */
double binomial_below(unsigned k, double p, unsigned n); /* P(X <= k) */
double binomial_at(unsigned k, double p, unsigned n);    /* P(X = k) */
/* Of n drawn without return out of good + bad: k of the bad ones. */
double hypergeometric_below(unsigned k, unsigned bad, unsigned good, unsigned n);
double hypergeometric_at(unsigned k, unsigned bad, unsigned good, unsigned n);
double beta_below(double x, double a, double b);
double f_above(double f, double dof1, double dof2);
double f_quantile(double p, double dof1, double dof2);

#endif
