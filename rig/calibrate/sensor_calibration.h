/* Calibration of a load sensor by weights or against a reference gauge: what it reads under known loads, how its readings are to
 * be scaled, and how well that is known. Leaves out who puts the loads on and where the samples come from. */
#ifndef PENRIG_CALIBRATE_SENSOR_CALIBRATION_H
#define PENRIG_CALIBRATE_SENSOR_CALIBRATION_H

#include <stdbool.h>

#include "rig/base/error.h"
#include "rig/base/samples.h"

#define SENSOR_LOADS_MAX   16
#define SENSOR_REPEATS_MAX 16
#define SENSOR_POINTS_MAX  (SENSOR_REPEATS_MAX * (2 * SENSOR_LOADS_MAX + 2))
#define SENSOR_BLOCKS      10 /* of a window, whose means tell how a reading wanders */

/* Mass in air against steel of 8000 kg/m3: conventional mass, OIML D 28. */
#define SENSOR_BUOYANCY     (1 - 1.2 / 8000)
#define SENSOR_BUOYANCY_REL 1.5e-5 /* standard uncertainty: air and steel that are not just so */

struct sensor_setup {
	unsigned loads, repeats;
	double load[SENSOR_LOADS_MAX];     /* rising, over 0; N, or g where there is a gravity */
	bool unload;                       /* each repeat comes down again by the same loads */
	double gravity_m_s2;               /* 0: loads are in N */
	double load_u_rel, gravity_u_m_s2; /* standard uncertainties */
	bool claims;    /* the readings are in N already, by a scale that is to be checked; else they have any scale */
	double count_n; /* one count of the converter, in what is read */
};

/* Mean of a window, in what is read. */
struct sensor_window {
	double mean, u;        /* u: of the mean, from its blocks */
	double moved, u_moved; /* its second half less its first one */
	unsigned samples;
	uint32_t flags;
};

struct sensor_point {
	double load; /* as the setup has it; 0: nothing lies on it */
	double force_n;
	bool falling;
	unsigned repeat;
	struct sensor_window window;
	bool measured;
	double residual_n; /* of the fit, known behind it */
};

struct sensor_calibration {
	struct sensor_setup setup;
	unsigned count;
	struct sensor_point point[SENSOR_POINTS_MAX];
	/* The outcome: force = gain * (reading - reading without load). */
	double gain;
	double u_rel; /* standard uncertainty of the gain, and what it is made of: */
	double u_load_rel, u_gravity_rel, u_repeat_rel, u_zero_rel, u_resolution_rel;
	double u_line_rel; /* of what a gain alone leaves of readings that are not straight; 0: they are */
	double residual_n; /* standard deviation of the residuals; 0: two points have none */
	/* How far the mean readings of a load lie beside a straight line at most, and what up and down are apart; of the largest
	 * force. */
	double linearity_rel, hysteresis_rel;
	bool beside;         /* more than chance: a straight line does not describe them */
	double lack_p;       /* that chance makes them so large; NaN: fewer than three loads show none */
	double zero_moved_n; /* the largest between the first and the last look of a repeat */
};

/* Fills the points: for each repeat nothing, the loads, and nothing again. -EINVAL with text: loads that do not rise. */
int sensor_calibration_init(struct sensor_calibration *c, const struct sensor_setup *setup, struct err *err);

/* What a load of the setup weighs, in N. */
double sensor_calibration_force_n(const struct sensor_setup *setup, double load);

/* -EDOM with text: samples were lost in it, or the converter or the device says that they are none. */
int sensor_window_check(const struct sensor_window *window, struct err *err);

/* Takes the window of point i, of which the ones before were taken. -EDOM with text: it says nothing of this load, and may be
 * measured anew: it still moves, it left its range, it did not change with the load, or changed by another load's worth. */
int sensor_calibration_take(struct sensor_calibration *c, unsigned i, const struct sensor_window *window,
			    struct err *err);

/* The outcome, of all points. -EDOM with text: no calibration: it drifted between. */
int sensor_calibration_fit(struct sensor_calibration *c, struct err *err);

/* Samples of a window, as they come. */
struct sensor_sum {
	unsigned wanted; /* samples, of all blocks; a multiple of SENSOR_BLOCKS */
	unsigned n;
	uint32_t flags;
	double first; /* sums are of what differs from it */
	double block[SENSOR_BLOCKS];
};
void sensor_sum_begin(struct sensor_sum *sum, double samples);
bool sensor_sum_add(struct sensor_sum *sum, double reading); /* true: it is full */
void sensor_sum_end(const struct sensor_sum *sum, struct sensor_window *ret);

#endif
