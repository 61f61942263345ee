/* The force pulse of one pen, learned from its own strokes: fold, spline, table, and the fit of one stroke against it.
 * Positions in samples, tau = 0 at the deepest point when learned. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_PULSE_H
#define PENRIG_MEASURE_POINT_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#define PULSE_ROWS   8  /* fold: sub-sample phases */
#define PULSE_PHASES 16 /* table: sub-sample phases */
#define PULSE_KNOTS  512
#define PULSE_CAP    2048

struct spline {
	double knot; /* distance of the knots, samples */
	unsigned coefs;
	double coef[PULSE_KNOTS + 4];
};

/* Strokes folded upon each other, each sample by its height: what the template is made of. */
struct pulse_fold {
	double *sum;               /* PULSE_ROWS x (2 half_max + 1): sum of height * sample */
	double weight[PULSE_ROWS]; /* sum of height^2 */
	uint64_t strokes;
	uint64_t built_from; /* strokes in it when the template was built; 0: it was not built from this fold */
};

/* The part of the template above 0.6, about its maximum, and how a height is taken from samples there. */
struct pulse_cap {
	double from;             /* tau where it begins */
	int lo;                  /* its first sample */
	unsigned count;          /* its samples; 0: too few for weights */
	float weight[PULSE_CAP]; /* that make the template's height of them */
	double variance;         /* for unit noise of a sample: of that height from one stroke's samples */
};

/* After one pulse, from lo to period - hi before the next, there is no contact. */
struct pulse_gap {
	double lo, hi;
	double share; /* of the period */
	bool natural; /* a stretch without contact was seen, not just a lowest point */
};

/* The template and its derivatives at every sample of the support, for each sub-sample phase. */
struct pulse_table {
	unsigned first, count; /* samples of the support */
	double *shape[3];      /* PULSE_PHASES x (2 half_max + 1): g, g', tau g' */
	double shape_sum[PULSE_PHASES][3];
	double gram_inv3[PULSE_PHASES][3][3];
	double gram_inv2[PULSE_PHASES][2][2];
};

/* The first template: where in a pulse an instant is. */
struct pulse_origin {
	bool known;
	struct spline spline;
	double peak; /* tau of its maximum */
};

struct pulse {
	unsigned half_max; /* half window, allocated */
	unsigned half;     /* in use */
	double coarse;     /* distance of the spline's knots while no template is known, and without noise; samples */
	double width_sd;   /* scatter of the relative widths folded, as far as known: set before pulse_build() */
	struct pulse_fold fold;
	struct pulse_origin origin;

	/* the template */
	bool ready;
	unsigned builds; /* templates ever made: tells them apart */
	struct spline spline;
	double peak_at;                /* tau of its maximum */
	double weight;                 /* sum of height^2 of the strokes it was built from */
	double support_lo, support_hi; /* tau where the pulse rises above nothing */
	struct pulse_cap cap;
	struct pulse_gap gap;
	struct pulse_table table;
	double height_of[5], width_of[5]; /* polynomials: what the fit makes of a template wider by delta */
	double slope_energy;              /* sum of g'^2 */
	double slope_noise;               /* what noise of the strokes folded adds to it, relative */
};

/* One stroke. */
struct pulse_fit {
	double at;                        /* tau = 0, in samples of the same axis as x */
	double height;                    /* with width left free */
	double height2;                   /* with the template's width */
	double width;                     /* relative change of width */
	double rms;                       /* residual */
	double u_height_rel, u_width_rel; /* for unit noise: sd of height, sd of width times height */
};

/* period_max: the longest that will be learned, samples. -ENOMEM. */
int pulse_init(struct pulse *pulse, double period_max);
void pulse_release(struct pulse *pulse);
/* Both of the same period_max: `to` becomes what `from` is, in its own memory. */
void pulse_copy(struct pulse *to, const struct pulse *from);

/* Forgets the fold; half window for this period. */
void pulse_start(struct pulse *pulse, double period);

/* x: flattened samples, x[0] at axis position x0 (an integer); the window about `at` must lie inside. */
void pulse_fold(struct pulse *pulse, const float *x, double x0, double at, double height);

/* Halves the weight of all strokes folded so far. */
void pulse_forget_half(struct pulse *pulse);

/* Spline through the fold, normalised to peak 1; sigma: noise of one sample. recentre: tau = 0 moves to the peak, and
 * the shift is returned (0 otherwise). False: the fold does not hold a pulse. */
bool pulse_build(struct pulse *pulse, double period, double sigma, bool recentre, double *ret_shift);

/* What a disturbance cos(w (tau - peak_at)) adds to the heights of the fit, per its amplitude; w in rad per sample. */
void pulse_response(const struct pulse *pulse, double w, double *ret_height, double *ret_height2);

/* Height at the template's maximum of any signal x about `at`, as the template's own height is taken. */
double pulse_cap(const struct pulse *pulse, const float *x, double x0, double at);

/* For unit noise of a sample: variance of the template's height, set to 1, less what the fits of the same strokes share
 * with it. width_weight: share of the free width in their heights, 0 to 1. */
double pulse_peak_variance(const struct pulse *pulse, double width_weight);

/* The factor by which the fit of a stroke with this fitted width overstates its height, orders 2 to 4; variance: of the
 * widths of the strokes that made the template. */
double pulse_widened(const struct pulse *pulse, double width, double variance);

/* The template at tau, out to where the gaps begin (the fit itself weighs only its support), and what a relative
 * stretch adds to it. 0 beyond. */
double pulse_shape(const struct pulse *pulse, double tau, double *ret_stretch);

/* Integrals of the template and of its square over one contact, in samples: of a stroke, times its height and times the
 * square of it. Samples that still hold noise are not summed; the template's own noise is all that is in them. */
void pulse_integrals(const struct pulse *pulse, double *ret_area, double *ret_energy);

/* The template at hand defines where in a pulse its instant is; later ones move by noise, and pulse_origin() says where
 * on their axis that place lies. */
void pulse_set_origin(struct pulse *pulse);
double pulse_origin(const struct pulse *pulse);

/* Where a stroke is, to a few tenths of a sample, in samples that still hold their baseline, whose level about it is
 * known roughly: its hum is taken for part of the pulse. False when none is near `start`. */
bool pulse_place(const struct pulse *pulse, const float *x, double x0, double start, double level, double *ret_at);

/* Least squares of one stroke from a start value; false when it does not converge near it. */
bool pulse_fit(const struct pulse *pulse, const float *x, double x0, double start, struct pulse_fit *ret);

#endif
