/* Least squares of a phantom's curve at one rate, and what its residuals say. Leaves out where the data come from. */
#include "rig/measure/curve_fit.h"

#include <assert.h>
#include <errno.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PASSES     4   /* the weights need the slope, which needs the curve: settled after two */
#define SLOPE_GRID 64  /* places at which the curve must rise */
#define RMS_MAX    0.1 /* of the deepest reading: beyond it the data are not a curve */
#define CHANCE     0.01
#define CONTACT_U  3.0                   /* standard uncertainties by which a contact elsewhere than at zero is seen */
#define UNKNOWNS   (CALIBRATE_TERMS + 1) /* with the force at the stage's zero */

double calibrate_force(const struct calibrate_fit *fit, double depth_mm)
{
	const double *c = fit->coefficient;

	return depth_mm * (c[0] + depth_mm * (c[1] + depth_mm * c[2]));
}

static double calibrate_slope(const struct calibrate_fit *fit, double depth_mm)
{
	const double *c = fit->coefficient;

	return c[0] + depth_mm * (2.0 * c[1] + depth_mm * 3.0 * c[2]);
}

/* ---- what must hold before a fit ---- */

struct mean {
	unsigned n;
	double depth_mm, force_n;
};

static struct mean mean_at(const struct calibrate_datum *data, unsigned n, unsigned setting)
{
	struct mean m = {0};

	for (unsigned i = 0; i < n; i++) {
		if (data[i].setting != setting)
			continue;
		m.n++;
		m.depth_mm += data[i].depth_mm;
		m.force_n += data[i].force_n;
	}
	if (m.n > 0) {
		m.depth_mm /= m.n;
		m.force_n /= m.n;
	}
	return m;
}

static int check_rising(const struct calibrate_datum *data, unsigned n, char *reason, size_t size)
{
	struct mean below = {0};
	unsigned settings = 0, last = 0;

	for (unsigned i = 0; i < n; i++)
		last = data[i].setting > last ? data[i].setting : last;
	for (unsigned s = 0; s <= last; s++) {
		struct mean m = mean_at(data, n, s);
		if (m.n == 0)
			continue;
		if (m.depth_mm <= below.depth_mm || m.force_n <= below.force_n) {
			snprintf(reason, size, "%.4g N at %.3f mm follow %.4g N at %.3f mm: both must rise", m.force_n,
				 m.depth_mm, below.force_n, below.depth_mm);
			return -EDOM;
		}
		below = m;
		settings++;
	}
	if (settings >= CALIBRATE_DEPTHS_MIN)
		return 0;
	snprintf(reason, size, "%u depths; a curve with residuals needs %d", settings, CALIBRATE_DEPTHS_MIN);
	return -EDOM;
}

/* ---- the fit ---- */

/* An error of the reading counts as slope times it; the first pass has no slope yet and takes the chord. */
static double weight_of(const struct calibrate_datum *d, double u_depth_mm, const struct calibrate_fit *fit,
			unsigned pass)
{
	double chord = d->force_n / d->depth_mm;
	double slope = pass > 0 ? fmax(calibrate_slope(fit, d->depth_mm), 0.1 * chord) : chord;

	return 1.0 / (pow(slope * u_depth_mm, 2.0) + pow(d->u_force_n, 2.0));
}

/* Gauss with the pivots as they come: the matrix is symmetric and positive definite. */
static bool solve(double a[UNKNOWNS][UNKNOWNS + 1], unsigned n, double ret[UNKNOWNS])
{
	for (unsigned i = 0; i < n; i++) {
		if (!(a[i][i] > 0.0))
			return false;
		for (unsigned j = i + 1; j < n; j++) {
			double f = a[j][i] / a[i][i];
			for (unsigned k = i; k <= n; k++)
				a[j][k] -= f * a[i][k];
		}
	}
	for (unsigned i = n; i-- > 0;) {
		ret[i] = a[i][n];
		for (unsigned k = i + 1; k < n; k++)
			ret[i] -= a[i][k] * ret[k];
		ret[i] /= a[i][i];
	}
	return true;
}

struct weighed { /* data with what weighs them */
	const struct calibrate_datum *data;
	unsigned n;
	double u_depth_mm;
};

/* Normal equations in powers of d / d_max, which keep the matrix well scaled (condition below 1e5), the first `n` of
 * d, d^2, d^3, 1; the right side behind them. */
static void normal_equations(const struct weighed *w, const struct calibrate_fit *fit, unsigned pass, unsigned n,
			     double ret[UNKNOWNS][UNKNOWNS + 1])
{
	memset(ret, 0, sizeof(double[UNKNOWNS][UNKNOWNS + 1]));
	for (unsigned i = 0; i < w->n; i++) {
		double u = w->data[i].depth_mm / fit->depth_max_mm;
		double weight = weight_of(&w->data[i], w->u_depth_mm, fit, pass);
		const double row[UNKNOWNS] = {u, u * u, u * u * u, 1.0};

		for (unsigned j = 0; j < n; j++) {
			for (unsigned k = 0; k < n; k++)
				ret[j][k] += weight * row[j] * row[k];
			ret[j][n] += weight * row[j] * w->data[i].force_n;
		}
	}
}

static bool fit_pass(const struct weighed *w, struct calibrate_fit *fit, unsigned pass)
{
	double a[UNKNOWNS][UNKNOWNS + 1], c[UNKNOWNS], scale = 1.0;

	normal_equations(w, fit, pass, CALIBRATE_TERMS, a);
	if (!solve(a, CALIBRATE_TERMS, c))
		return false;
	for (unsigned k = 0; k < CALIBRATE_TERMS; k++)
		fit->coefficient[k] = c[k] / (scale *= fit->depth_max_mm);
	return true;
}

static bool rises(const struct calibrate_fit *fit)
{
	for (unsigned i = 0; i <= SLOPE_GRID; i++)
		if (!(calibrate_slope(fit, fit->depth_max_mm * i / SLOPE_GRID) > 0.0))
			return false;
	return true;
}

/* ---- residuals ---- */

static void residuals(struct calibrate_datum *data, unsigned n, struct calibrate_fit *fit)
{
	double sum2 = 0.0;

	for (unsigned i = 0; i < n; i++) {
		struct calibrate_datum *d = &data[i];

		d->fit_n = calibrate_force(fit, d->depth_mm);
		d->residual_mm = (d->force_n - d->fit_n) / calibrate_slope(fit, d->depth_mm);
		sum2 += d->residual_mm * d->residual_mm;
	}
	fit->rms_mm = sqrt(sum2 / (n - CALIBRATE_TERMS));
}

/* Come to from the same side: what lies between the sides is hysteresis, and no scatter. */
static bool is_repeat(const struct calibrate_datum *a, const struct calibrate_datum *b)
{
	return a->setting == b->setting && a->unloading == b->unloading;
}

static void repeatability(const struct calibrate_datum *data, unsigned n, struct calibrate_fit *fit)
{
	double sum2 = 0.0;

	fit->repeat_dof = 0;
	for (unsigned i = 0; i < n; i++) {
		double mean = 0.0;
		unsigned m = 0, before = 0;

		for (unsigned j = 0; j < n; j++) {
			if (!is_repeat(&data[j], &data[i]))
				continue;
			mean += data[j].residual_mm;
			m++;
			before += j < i;
		}
		sum2 += pow(data[i].residual_mm - mean / m, 2.0);
		fit->repeat_dof += before > 0;
	}
	fit->repeat_mm = fit->repeat_dof > 0 ? sqrt(sum2 / fit->repeat_dof) : NAN;
}

/* ---- does the curve describe them? ---- */

/* One setting's residuals. false: not this datum's turn, an earlier one stands for the setting. */
static bool mean_residual(const struct calibrate_datum *data, unsigned n, unsigned first, double *ret, unsigned *ret_m)
{
	double sum = 0.0;
	unsigned m = 0;

	for (unsigned i = 0; i < n; i++) {
		if (data[i].setting != data[first].setting)
			continue;
		if (i < first)
			return false;
		sum += data[i].residual_mm;
		m++;
	}
	*ret = sum / m;
	*ret_m = m;
	return true;
}

/* Mean of the squared standard uncertainty of a datum, in depth. */
static double stated_u2(const struct weighed *w, const struct calibrate_fit *fit)
{
	double sum = 0.0;

	for (unsigned i = 0; i < w->n; i++)
		sum += pow(w->u_depth_mm, 2.0) +
		       pow(w->data[i].u_force_n / calibrate_slope(fit, w->data[i].depth_mm), 2.0);
	return sum / w->n;
}

static void test_lack(const struct weighed *w, struct calibrate_fit *fit)
{
	struct calibrate_lack *lack = &fit->lack;
	double between = 0.0, mean;
	unsigned settings = 0, m;

	for (unsigned i = 0; i < w->n; i++) {
		if (!mean_residual(w->data, w->n, i, &mean, &m))
			continue;
		settings++;
		between += m * mean * mean;
		lack->largest_mm = fmax(lack->largest_mm, fabs(mean));
	}
	unsigned dof = settings - CALIBRATE_TERMS;
	double by_stated = between / stated_u2(w, fit), chance = gsl_cdf_chisq_Q(by_stated, dof);
	lack->rms_mm = sqrt(between / dof * settings / w->n);
	lack->f = fit->repeat_dof > 0 ? between / dof / pow(fit->repeat_mm, 2.0) : by_stated / dof;
	lack->p = fit->repeat_dof > 0 ? gsl_cdf_fdist_Q(lack->f, dof, fit->repeat_dof) : chance;
	lack->seen = lack->p < CHANCE && chance < CHANCE;
}

/* ---- from below and from above ---- */

struct sides { /* of one setting: residuals come to from below [0] and from above [1] */
	unsigned n[2];
	double mean_mm[2];
};

/* false: not this datum's turn, or the setting was come to from one side alone. */
static bool sides_of(const struct weighed *w, unsigned first, struct sides *ret)
{
	*ret = (struct sides){.n = {0}};
	for (unsigned i = 0; i < w->n; i++) {
		const struct calibrate_datum *d = &w->data[i];
		if (d->setting != w->data[first].setting)
			continue;
		if (i < first)
			return false;
		ret->mean_mm[d->unloading] += (d->residual_mm - ret->mean_mm[d->unloading]) / ++ret->n[d->unloading];
	}
	return ret->n[0] && ret->n[1];
}

/* A difference of two means of n0 and n1 residuals has the variance s^2 (1/n0 + 1/n1): their squares over it are chi
 * squared, or Fisher's F where s is that of the repeats. */
static void find_hysteresis(const struct weighed *w, struct calibrate_fit *fit)
{
	struct calibrate_hysteresis h = {.settings = 0, .mean_mm = 0.0};
	struct sides sides;
	double squares = 0.0, weighed = 0.0;

	for (unsigned i = 0; i < w->n; i++) {
		if (!sides_of(w, i, &sides))
			continue;
		double apart = sides.mean_mm[1] - sides.mean_mm[0];
		h.mean_mm += (apart - h.mean_mm) / ++h.settings;
		h.largest_mm = fmax(h.largest_mm, fabs(apart));
		squares += apart * apart;
		weighed += apart * apart / (1.0 / sides.n[0] + 1.0 / sides.n[1]);
	}
	double by_stated = weighed / stated_u2(w, fit), repeat2 = fit->repeat_mm * fit->repeat_mm;
	double chance = h.settings ? gsl_cdf_chisq_Q(by_stated, h.settings) : NAN;
	h.rms_mm = sqrt(squares / h.settings);
	h.p = h.settings && fit->repeat_dof > 0
		      ? gsl_cdf_fdist_Q(weighed / h.settings / repeat2, h.settings, fit->repeat_dof)
		      : chance;
	h.seen = h.p < CHANCE && chance < CHANCE;
	if (!h.settings)
		h.mean_mm = h.largest_mm = NAN;
	fit->hysteresis = h;
}

/* A cubic with one more unknown, the force at the stage's zero: where it would vanish is the contact. Scatter beyond the
 * stated uncertainties counts in full. */
static bool find_contact(const struct weighed *w, struct calibrate_fit *fit)
{
	double a[UNKNOWNS][UNKNOWNS + 1], c[UNKNOWNS], inverse[UNKNOWNS], chi2 = 0.0;

	normal_equations(w, fit, PASSES, UNKNOWNS, a);
	if (!solve(a, UNKNOWNS, c))
		return false;
	for (unsigned i = 0; i < w->n; i++) {
		double u = w->data[i].depth_mm / fit->depth_max_mm;
		double left = w->data[i].force_n - (c[3] + u * (c[0] + u * (c[1] + u * c[2])));
		chi2 += weight_of(&w->data[i], w->u_depth_mm, fit, PASSES) * left * left;
	}
	normal_equations(w, fit, PASSES, UNKNOWNS, a);
	for (unsigned j = 0; j < UNKNOWNS; j++)
		a[j][UNKNOWNS] = j == UNKNOWNS - 1;
	if (!solve(a, UNKNOWNS, inverse))
		return false;
	double at = -c[3] / c[0], dof = w->n > UNKNOWNS ? w->n - UNKNOWNS : 1.0;
	for (unsigned i = 0; i < PASSES; i++)
		at -= (c[3] + at * (c[0] + at * (c[1] + at * c[2]))) / (c[0] + at * (2.0 * c[1] + at * 3.0 * c[2]));
	double slope = (c[0] + at * (2.0 * c[1] + at * 3.0 * c[2])) / fit->depth_max_mm;
	fit->contact_mm = at * fit->depth_max_mm;
	fit->u_contact_mm = sqrt(inverse[3] * fmax(1.0, chi2 / dof)) / slope;
	fit->contact_seen = slope > 0.0 && fabs(fit->contact_mm) > CONTACT_U * fit->u_contact_mm;
	return slope > 0.0;
}

/* The same with a reason: a zero that is off bends every residual, and is named before the bend is. */
static int check_contact(const struct weighed *w, struct calibrate_fit *fit, char *reason, size_t size)
{
	if (!find_contact(w, fit)) {
		snprintf(reason, size, "the forces do not show where the contact is");
		return -EDOM;
	}
	if (!fit->contact_seen || fabs(fit->contact_mm) <= CALIBRATE_CONTACT_MAX_MM)
		return 0;
	snprintf(reason, size,
		 "the forces begin at %.3f +- %.3f mm of the stage, not at its zero: set it to zero at the contact",
		 fit->contact_mm, 2.0 * fit->u_contact_mm);
	return -EDOM;
}

int calibrate_fit(struct calibrate_datum *data, unsigned n, double u_depth_mm, struct calibrate_fit *ret, char *reason,
		  size_t size)
{
	const struct weighed w = {.data = data, .n = n, .u_depth_mm = u_depth_mm};
	struct calibrate_fit fit = {.depth_max_mm = 0.0};
	bool fitted = true;

	assert(n <= CALIBRATE_DATA_MAX && u_depth_mm > 0.0);
	if (check_rising(data, n, reason, size))
		return -EDOM;
	for (unsigned i = 0; i < n; i++)
		fit.depth_max_mm = fmax(fit.depth_max_mm, data[i].depth_mm);
	for (unsigned pass = 0; pass < PASSES && fitted; pass++)
		fitted = fit_pass(&w, &fit, pass);
	if (!fitted || !rises(&fit)) {
		snprintf(reason, size, "a cubic through these forces does not rise all the way to %.3f mm",
			 fit.depth_max_mm);
		return -EDOM;
	}
	residuals(data, n, &fit);
	repeatability(data, n, &fit);
	test_lack(&w, &fit);
	find_hysteresis(&w, &fit);
	if (check_contact(&w, &fit, reason, size))
		return -EDOM;
	if (fit.rms_mm > RMS_MAX * fit.depth_max_mm) {
		snprintf(reason, size, "the forces lie %.3f mm (rms) beside any smooth curve", fit.rms_mm);
		return -EDOM;
	}
	*ret = fit;
	return 0;
}

/* ---- for who tests by the same laws ---------------------------------------------------------------------------- */

double curve_fit_chi2_p(double value, unsigned dof)
{
	return gsl_cdf_chisq_Q(value, dof);
}

double curve_fit_fisher_p(double value, unsigned dof, unsigned dof_below)
{
	return gsl_cdf_fdist_Q(value, dof, dof_below);
}

double curve_fit_student_k(unsigned dof)
{
	return gsl_cdf_tdist_Pinv(0.97725, dof);
}
