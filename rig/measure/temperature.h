/* Temperatures of one run of the motor: maximum, rise, and the steady state it is heading for. */
#ifndef PENRIG_MEASURE_TEMPERATURE_H
#define PENRIG_MEASURE_TEMPERATURE_H

#include "rig/measure/point/budget_inputs.h"
#include "rig/measure/result.h"

#define THERMAL_POINTS_MAX 1024 /* kept; when full, neighbours are averaged in pairs */

struct thermal_config {
	char site[16];          /* "handle", "tip" */
	enum measurand id;      /* of its maximum: MEASURAND_HANDLE_TEMPERATURE, ... */
	double u_sensor_k;      /* standard uncertainty of the channel's calibration */
	double rated_ambient_c; /* IEC 60601-1 11.1.3: judged = rise + rated maximum ambient; NaN: none */
};

struct thermal;

int thermal_new(const struct thermal_config *config, struct thermal **ret);
void thermal_free(struct thermal *thermal);
/* t_s from the start of the motor; ambient NaN where there is no ambient channel. Rising t. */
void thermal_feed(struct thermal *thermal, double t_s, double temperature_c, double ambient_c);

/* SITE_temperature_c (maximum; with a rated ambient: method "rise_plus_rated_ambient"), temperature_rise_k (method =
 * site), steady_temperature_c (method = site; two-node exponential fit; not valid where the window is shorter than the
 * slow time constant that it finds, with the reason). Returns the number, at most 4. */
unsigned thermal_finish(struct thermal *thermal, struct result *results, unsigned cap);

/* Behind thermal_finish(): what the budgets of its results are made of, and the curve that a steady state stands on, behind
 * ret[n - 1]; returns how many there are then. */
unsigned thermal_inputs(const struct thermal *thermal, struct budget_input ret[BUDGET_INPUTS_MAX], unsigned n);

/* The step response that a steady state was read from: room + end - slow exp(-t / slow_s) - fast exp(-t / fast_s). */
struct thermal_curve {
	double room_c; /* mean of the ambient readings; 0 without them: then end_k is in degC */
	double end_k, slow_k, slow_s;
	double fast_k, fast_s; /* 0 and NaN where one node was enough */
};
/* From the inputs of a point. False, and `ret` undefined, where the part of that site has no steady state. */
bool thermal_curve_of(const struct budget_input *input, unsigned inputs, const char *site, struct thermal_curve *ret);
/* degC, t_s from the start of the motor. */
double thermal_curve_at(const struct thermal_curve *curve, double t_s);

#endif
