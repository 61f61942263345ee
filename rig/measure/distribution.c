/* GSL's distributions by the names that this program uses. */
#include "rig/measure/distribution.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>

#include "rig/measure/statistics.h"

double normal_below(double x)
{
	return gsl_cdf_ugaussian_P(x);
}

double normal_quantile(double p)
{
	return gsl_cdf_ugaussian_Pinv(p);
}

double normal_density(double x)
{
	return gsl_ran_ugaussian_pdf(x);
}

double student_above(double t, double dof)
{
	return isfinite(dof) ? gsl_cdf_tdist_Q(t, dof) : gsl_cdf_ugaussian_Q(t);
}

double student_quantile(double p, double dof)
{
	return isfinite(dof) ? gsl_cdf_tdist_Pinv(p, dof) : gsl_cdf_ugaussian_Pinv(p);
}

double chi2_below(double x, double dof)
{
	return gsl_cdf_chisq_P(x, dof);
}

double chi2_at(double p, double dof)
{
	return dof * chi2_share(p, dof);
}

double f_above(double f, double dof1, double dof2)
{
	return gsl_cdf_fdist_Q(f, dof1, dof2);
}

double f_quantile(double p, double dof1, double dof2)
{
	return gsl_cdf_fdist_Pinv(p, dof1, dof2);
}

double binomial_below(unsigned k, double p, unsigned n)
{
	return k >= n ? 1.0 : gsl_cdf_binomial_P(k, p, n);
}

double binomial_at(unsigned k, double p, unsigned n)
{
	return gsl_ran_binomial_pdf(k, p, n);
}

double beta_below(double x, double a, double b)
{
	return gsl_cdf_beta_P(x, a, b);
}

double hypergeometric_below(unsigned k, unsigned bad, unsigned good, unsigned n)
{
	return k >= n || k >= bad ? 1.0 : gsl_cdf_hypergeometric_P(k, bad, good, n);
}

double hypergeometric_at(unsigned k, unsigned bad, unsigned good, unsigned n)
{
	return gsl_ran_hypergeometric_pdf(k, bad, good, n);
}
