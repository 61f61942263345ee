/* The model checks of a point: each looks at what was collected while the point was analysed, and says what it means for
 * depth. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_MODEL_CHECKS_H
#define PENRIG_MEASURE_POINT_MODEL_CHECKS_H

#include "rig/measure/model_check.h"
#include "rig/measure/point/summary.h"

/* What an effect is held against. NaN where the point has no strokes. */
struct check_scale {
	double mm_per_n;  /* check_mm_per_n() */
	double rest_u_mm; /* expanded uncertainty of the mean depth were every line of a check nil; without one: of the
			   * mean height, in that scale */
	double height_n;  /* mean of the strokes */
	double noise_n;   /* rms of one sample's white noise */
	double period;    /* mean, samples of the local axis */
	double strokes;   /* of the window, with a height */
};

/* Of an effect e on depth, known to s: |e| may be all there, and be added to an error of the same size from certificates.
 * 0.94 keeps the share outside the expanded uncertainty below 5 % at every ratio of the two; a ratio of 0.7 decides. mm,
 * standard uncertainty. */
#define CHECK_COVERS 0.94
double check_line(double effect_mm, double s_mm);
/* More than a line can carry: were it all there, it would be larger than all else. */
bool check_outweighs(const struct check_scale *scale, double effect_mm);
/* Not well, and why: into reason. */
__attribute__((format(printf, 2, 3))) void check_trip(struct check_result *ret, const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_not_made(struct check_result *ret, const char *format, ...);

/* One for each row of the table, each in a file of its own. It leaves the state alone where what it needs is not there:
 * that is CHECK_NOT_MADE where the point has to be asked, CHECK_ABSENT elsewhere. It may leave NaN in u_mm: no line where
 * the scale is unknown too, CHECK_NOT_MADE where it is known. */
void check_sub_pulses(const struct account *account, const struct check_scale *scale, struct check_result *ret);
void check_strange_strokes(const struct account *account, const struct check_scale *scale, struct check_result *ret);
void check_settled(const struct account *account, const struct check_scale *scale, struct check_result *ret);
/* One of the checks. Of those above it in the table, what is already in account->check may be read. */
typedef void check_function(const struct account *account, const struct check_scale *scale, struct check_result *ret);
check_function check_lift_off, check_gap, check_level_step, check_level_jump, check_reference, check_floor;

/* Fills account->check, of MODEL_CHECKS places, in their order. */
void model_checks(const struct account *account);

/* The lines that the checks leave, added to the budget of a depth by force that all strokes share. */
void add_check_lines(struct result *result, const struct account *account);
/* The squares of the effects that these lines have in them, of each what its own uncertainty does not make. mm^2. */
double check_effects_mm2(const struct account *account);
/* The same for a result that is made of the force. per_n: by how much it changes with an error of the height of 1 N, for
 * each way in which one acts. */
void add_check_lines_of_force(struct result *result, const struct account *account, const double per_n[CHECK_ACTS]);
/* What a force is taken for where a check says it in depth: 1 / slope of the curve at the depth measured; where there is
 * none, as if the phantom were linear up to the setpoint. mm / N; NaN: there are no strokes either. */
double check_mm_per_n(const struct account *account);
/* Adds the first check that is not well and doubts any of these, DOUBTS_..., to a reason. */
void doubt_checks(const struct account *account, unsigned doubts, char *reason);

#endif
