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

/* Outside the calibrated range: -ERANGE and ret untouched. Slope in N/mm. */
int curve_force(const struct curve *curve, double depth_mm, double *ret_force_n, double *ret_slope);
int curve_depth(const struct curve *curve, double force_n, double *ret_depth_mm, double *ret_slope);

#endif
