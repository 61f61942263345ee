/* Calibration of a phantom: the plan of its points, the forces that its session measured, and the phantom's new file.
 * Leaves out whoever sets the stage (rig/cli/calibrate.c) and the pen, which only drives the needles. */
#ifndef PENRIG_CALIBRATE_PHANTOM_CALIBRATION_H
#define PENRIG_CALIBRATE_PHANTOM_CALIBRATION_H

#include "rig/config/bench.h"
#include "rig/config/plan.h"
#include "rig/measure/curve_fit.h"
#include "rig/measure/statistics.h"
#include "rig/record/record.h"

#define CALIBRATION_DEPTHS_MAX 63 /* settings of the stage; with the contact a curve's 64 points */
#define CALIBRATION_RATE_PCT   5  /* a pen that is further off its setpoint does not drive at the stated rate */

struct phantom_calibration_setup {
	unsigned rates, depths; /* both lists rising */
	double rate_hz[CURVE_RATES_MAX];
	double depth_mm[CALIBRATION_DEPTHS_MAX]; /* as the stage is to be set */
	unsigned repeats;
	bool unload; /* each repeat goes through the depths upwards and then down again */
	double measure_s;
	double u_stage_mm;     /* standard uncertainty of one reading */
	double temperature_c;  /* NaN: as the bench measures it */
	const char *indicator; /* what reads the stage, in words, borrowed; "": whoever sets it */
	struct calibration calibration;
};

struct phantom_calibration_point { /* beside the plan's point of the same number */
	double reading_mm;         /* NaN: not set yet */
	bool trusted;
	char reason[200];
	unsigned strokes;
	double force_n, u_force_n; /* mean height of the strokes, and its standard uncertainty from their scatter */
	double ambient_c;
};

struct phantom_calibration {
	const struct phantom_calibration_setup *setup;
	const struct bench *bench;
	int phantom; /* in the bench */
	struct plan *plan;
	struct plan_point *points; /* pass by pass, depths rising or falling, at each depth all rates */
	unsigned point_count;
	struct phantom_calibration_point *measured; /* point_count of them */
	unsigned row;                               /* of the strokes that are being collected */
	struct moments heights;
	unsigned misfits;
	/* the outcome */
	struct calibrate_fit fit[CURVE_RATES_MAX];
	struct calibrate_datum *data[CURVE_RATES_MAX]; /* phantom_calibration_data() each, in order of the points */
	/* Lines of u_depth_mm, standard uncertainties: how well a setting comes back, a zero beside the contact, hysteresis.
	 * 0: none, or not known. */
	double u_repeat_mm, u_contact_mm, u_hysteresis_mm;
	double u_depth_mm, u_force_rel, u_fit_mm, temperature_c;
};

/* Readings of one rate: repeats * depths, twice as many where each goes both ways. */
unsigned phantom_calibration_data(const struct phantom_calibration_setup *setup);

/* The points and their plan, checked against bench and phantom. Setup and bench are borrowed. -EINVAL, -ENOMEM. */
int phantom_calibration_init(struct phantom_calibration *c, const struct phantom_calibration_setup *setup,
			     const struct bench *bench, const char *serial, struct err *err);
void phantom_calibration_release(struct phantom_calibration *c);

/* The stage is to be set before this point: its depth is not that of the point before. */
bool phantom_calibration_sets(const struct phantom_calibration *c, unsigned point);
/* The point's setting is come to from above. */
bool phantom_calibration_unloads(const struct phantom_calibration *c, unsigned point);
/* The stage's reading, for this point and all that follow until it is set anew. */
void phantom_calibration_reading(struct phantom_calibration *c, unsigned point, double reading_mm);
/* Strokes as they come, and the end of an attempt; a later attempt takes the place of an earlier one. */
void phantom_calibration_stroke(struct phantom_calibration *c, unsigned row, const struct stroke *stroke);
void phantom_calibration_point(struct phantom_calibration *c, const struct record_point *finished);

/* Curves, residuals and uncertainties. -EDOM: what was measured is no calibration, with the reason; -ENOMEM. */
int phantom_calibration_fit(struct phantom_calibration *c, struct err *err);
/* What the phantom's last calibration, as the bench has it, made of the forces that were measured at this rate. */
struct phantom_calibration_shift {
	unsigned compared;  /* readings that lie in both; 0: the last one has no curve at that rate, or none so deep */
	double mean_mm;     /* by how much more depth it read than the stage */
	double largest_mm;  /* the same where it is farthest, */
	double at_mm, u_mm; /* there, and its expanded uncertainty by both calibrations */
	bool moved;         /* by more than both explain, somewhere */
};
/* -ENOMEM. After phantom_calibration_fit(). */
int phantom_calibration_shift(const struct phantom_calibration *c, unsigned rate,
			      struct phantom_calibration_shift *ret);
/* A file that does not stand yet, whole or not at all. -errno with text. */
int calibration_write_file(const char *path, const char *text, struct err *err);

/* The phantom's new file, which must not exist yet. -errno with text. */
int phantom_calibration_save(const struct phantom_calibration *c, const struct record *record, const char *path,
			     struct err *err);

#endif
