/* A phantom's calibration: force as a function of depth at stated rates, its inverse, and where it may be used. */
#ifndef PENRIG_MEASURE_CURVE_H
#define PENRIG_MEASURE_CURVE_H

#include <stdint.h>

#define CURVE_POINTS_MAX 64
#define CURVE_RATES_MAX  16

/* force_n[i] at depth_mm[i], both strictly increasing, first point (0, 0) or above. u_*: standard uncertainties from
 * the certificate: relative of force (gain), absolute of depth (micrometer), rms residual of the fit. */
struct curve_table {
	double rate_hz;
	unsigned points;
	double depth_mm[CURVE_POINTS_MAX], force_n[CURVE_POINTS_MAX];
};

struct curve_set { /* rates strictly increasing */
	unsigned rates;
	struct curve_table at[CURVE_RATES_MAX];
	double u_depth_mm, u_force_rel, u_fit_mm;
};

struct curve; /* one monotone F(d), made for one rate */

/* Between calibrated rates force is interpolated linearly in log(rate), depth by depth; monotone (Steffen) in depth.
 * -ERANGE: rate outside the calibrated rates by more than 0.5 %. -EINVAL: table not monotone. -ENOMEM. */
int curve_new(const struct curve_set *set, double rate_hz, struct curve **ret);
void curve_free(struct curve *curve);

/* What the force at a depth, at a rate of the set, is not known by because it was calibrated at other rates: standard
 * uncertainty, N. Between rates by how far another law through the same tables goes (a parabola in log(rate) through three
 * of them, or a line in the rate where there are two); beyond them by what the law would add out there; where there is one
 * rate alone by a power of it that soft media keep to. A depth that a table does not hold counts as its nearest end. */
double curve_rate_u(const struct curve_set *set, double rate_hz, double depth_mm);
/* The rate, or the nearest one of the set. */
double curve_nearest_rate(const struct curve_set *set, double rate_hz);

/* Outside the calibrated range: -ERANGE and ret untouched. Slope in N/mm. */
int curve_force(const struct curve *curve, double depth_mm, double *ret_force_n, double *ret_slope);
int curve_depth(const struct curve *curve, double force_n, double *ret_depth_mm, double *ret_slope);

#endif
