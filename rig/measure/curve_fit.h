/* Forces measured at known depths become a phantom's curve at one rate: F = c1 d + c2 d^2 + c3 d^3, by least squares
 * through the contact (no force at depth 0). Method and uncertainties: docs/calibration.md. */
#ifndef PENRIG_MEASURE_CURVE_FIT_H
#define PENRIG_MEASURE_CURVE_FIT_H

#include <stdbool.h>
#include <stddef.h>

#define CALIBRATE_TERMS      3
#define CALIBRATE_DEPTHS_MIN 5 /* settings of the stage: two degrees of freedom for the residuals */
#define CALIBRATE_DATA_MAX   1024
#define CALIBRATE_CONTACT_MAX_MM                                                                                       \
	0.03 /* a zero further off is set anew; a nearer one is an uncertainty of every depth */

struct calibrate_datum {
	unsigned setting; /* which depth of the plan, from 0, rising */
	bool unloading;   /* the setting was come to from above */
	double depth_mm;  /* the stage's reading */
	double force_n;   /* mean height of the strokes */
	double u_force_n; /* of that mean, from the scatter of the strokes */
	/* filled by calibrate_fit(): */
	double fit_n, residual_mm; /* residual: (force - fit) / slope, what the curve would misread this point by */
};

/* Does a cubic describe the settings? One-way analysis of variance of the residuals by setting: the settings' means
 * about the curve against the scatter within a setting (the lack-of-fit test of a regression with repeated
 * observations). */
struct calibrate_lack {
	double rms_mm;     /* of the settings' mean residuals, for settings - 3 degrees of freedom */
	double largest_mm; /* the largest of them, without sign */
	double f;  /* against the scatter within a setting; where none was visited twice, against the stated u */
	double p;  /* that a true cubic gives as much by chance */
	bool seen; /* more than chance, and more than the stated uncertainties explain (both at 1 %) */
};

/* By how much more depth the force of a setting says when it was come to from above than from below: differences of the
 * mean residuals. */
struct calibrate_hysteresis {
	unsigned settings;         /* that were come to from both sides; 0: the others are NaN */
	double mean_mm;            /* of the differences, with their sign */
	double rms_mm, largest_mm; /* without sign */
	double p;                  /* that readings without any give as much by chance */
	bool seen;                 /* more than chance, and more than the stated uncertainties explain (both at 1 %) */
};

struct calibrate_fit {
	double coefficient[CALIBRATE_TERMS]; /* N/mm, N/mm^2, N/mm^3 */
	double depth_max_mm;                 /* the deepest reading */
	double rms_mm;                       /* of the residuals, for n - 3 degrees of freedom */
	double repeat_mm;    /* pooled sd of residuals at one setting from one side; NaN where none was visited twice */
	unsigned repeat_dof; /* 0: none */
	struct calibrate_lack lack;
	struct calibrate_hysteresis hysteresis;
	double contact_mm;   /* where a cubic with a free zero has no force: 0 where the stage's zero is the contact */
	double u_contact_mm; /* standard uncertainty, by the larger of stated and seen scatter */
	bool contact_seen;   /* elsewhere than at zero by more than chance (three standard uncertainties) */
};

/* u_depth_mm: standard uncertainty of one reading; it and u_force_n weigh the data. n: at most CALIBRATE_DATA_MAX.
 * -EDOM with `reason`: too few settings, a force that does not rise with the depth, a curve that does not, or a stage
 * whose zero is not the contact by more than CALIBRATE_CONTACT_MAX_MM. */
int calibrate_fit(struct calibrate_datum *data, unsigned n, double u_depth_mm, struct calibrate_fit *ret, char *reason,
		  size_t size);

double calibrate_force(const struct calibrate_fit *fit, double depth_mm);

/* The chance of so large a value: of chi squared, and of Fisher's ratio; and the factor that makes of a standard deviation with so
 * many degrees of freedom (over 0) what covers 95.45 % (Student). */
double curve_fit_chi2_p(double value, unsigned dof);
double curve_fit_fisher_p(double value, unsigned dof, unsigned dof_below);
double curve_fit_student_k(unsigned dof);

#endif
