/* Least squares of a phantom's curve at one rate, and what its residuals say. Leaves out where the data come from. */
#include "rig/measure/curve_fit.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#define PASSES     4   /* the weights need the slope, which needs the curve: settled after two */
#define SLOPE_GRID 64  /* places at which the curve must rise */
#define RMS_MAX    0.1 /* of the deepest reading: beyond it the data are not a curve */

double calibrate_force(const struct calibrate_fit *fit, double depth_mm)
{
	const double *c = fit->coefficient;

	return depth_mm * (c[0] + depth_mm * (c[1] + depth_mm * c[2]));
}

double calibrate_slope(const struct calibrate_fit *fit, double depth_mm)
{
	const double *c = fit->coefficient;

	return c[0] + depth_mm * (2.0 * c[1] + depth_mm * 3.0 * c[2]);
}

/* ---- what must hold before a fit ------------------------------------------------------------------------------- */

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

/* ---- the fit --------------------------------------------------------------------------------------------------- */

/* An error of the reading counts as slope times it; the first pass has no slope yet and takes the chord. */
static double weight_of(const struct calibrate_datum *d, double u_depth_mm, const struct calibrate_fit *fit,
			unsigned pass)
{
	double chord = d->force_n / d->depth_mm;
	double slope = pass > 0 ? fmax(calibrate_slope(fit, d->depth_mm), 0.1 * chord) : chord;

	return 1.0 / (pow(slope * u_depth_mm, 2.0) + pow(d->u_force_n, 2.0));
}

/* Gauss with the pivots as they come: the matrix is symmetric and positive definite. */
static bool solve(double a[CALIBRATE_TERMS][CALIBRATE_TERMS + 1], double ret[CALIBRATE_TERMS])
{
	for (unsigned i = 0; i < CALIBRATE_TERMS; i++) {
		if (!(a[i][i] > 0.0))
			return false;
		for (unsigned j = i + 1; j < CALIBRATE_TERMS; j++) {
			double f = a[j][i] / a[i][i];
			for (unsigned k = i; k <= CALIBRATE_TERMS; k++)
				a[j][k] -= f * a[i][k];
		}
	}
	for (unsigned i = CALIBRATE_TERMS; i-- > 0;) {
		ret[i] = a[i][CALIBRATE_TERMS];
		for (unsigned k = i + 1; k < CALIBRATE_TERMS; k++)
			ret[i] -= a[i][k] * ret[k];
		ret[i] /= a[i][i];
	}
	return true;
}

/* Powers of d / d_max keep the matrix well scaled: its condition is below 1e5. */
static bool fit_pass(const struct calibrate_datum *data, unsigned n, double u_depth_mm, struct calibrate_fit *fit,
		     unsigned pass)
{
	double a[CALIBRATE_TERMS][CALIBRATE_TERMS + 1] = {{0.0}}, c[CALIBRATE_TERMS], scale = 1.0;

	for (unsigned i = 0; i < n; i++) {
		double u = data[i].depth_mm / fit->depth_max_mm;
		double w = weight_of(&data[i], u_depth_mm, fit, pass);
		const double row[CALIBRATE_TERMS + 1] = {u, u * u, u * u * u, data[i].force_n};

		for (unsigned j = 0; j < CALIBRATE_TERMS; j++)
			for (unsigned k = 0; k <= CALIBRATE_TERMS; k++)
				a[j][k] += w * row[j] * row[k];
	}
	if (!solve(a, c))
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

/* ---- residuals ------------------------------------------------------------------------------------------------- */

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

static void repeatability(const struct calibrate_datum *data, unsigned n, struct calibrate_fit *fit)
{
	double sum2 = 0.0;

	fit->repeat_dof = 0;
	for (unsigned i = 0; i < n; i++) {
		double mean = 0.0;
		unsigned m = 0, before = 0;

		for (unsigned j = 0; j < n; j++) {
			if (data[j].setting != data[i].setting)
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

int calibrate_fit(struct calibrate_datum *data, unsigned n, double u_depth_mm, struct calibrate_fit *ret, char *reason,
		  size_t size)
{
	struct calibrate_fit fit = {.depth_max_mm = 0.0};
	bool fitted = true;

	assert(n <= CALIBRATE_DATA_MAX && u_depth_mm > 0.0);
	if (check_rising(data, n, reason, size))
		return -EDOM;
	for (unsigned i = 0; i < n; i++)
		fit.depth_max_mm = fmax(fit.depth_max_mm, data[i].depth_mm);
	for (unsigned pass = 0; pass < PASSES && fitted; pass++)
		fitted = fit_pass(data, n, u_depth_mm, &fit, pass);
	if (!fitted || !rises(&fit)) {
		snprintf(reason, size, "a cubic through these forces does not rise all the way to %.3f mm",
			 fit.depth_max_mm);
		return -EDOM;
	}
	residuals(data, n, &fit);
	repeatability(data, n, &fit);
	if (fit.rms_mm > RMS_MAX * fit.depth_max_mm) {
		snprintf(reason, size, "the forces lie %.3f mm (rms) beside any smooth curve", fit.rms_mm);
		return -EDOM;
	}
	*ret = fit;
	return 0;
}
