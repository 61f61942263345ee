/* What summary.c puts together, one file for each family of results. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_SUMMARY_PARTS_H
#define PENRIG_MEASURE_POINT_SUMMARY_PARTS_H

#include "rig/measure/point/doubts.h"
#include "rig/measure/point/result_list.h"
#include "rig/measure/point/summary.h"

void add_rates(struct result_list *list, const struct account *account, const struct reasons *why);
/* The realised rate's intervals, and what both their ends may be off, together. */
struct rate_errors {
	double intervals, period; /* their number; mean, samples */
	double noise;             /* samples */
	double ends;              /* where the centre of a pulse moves with the speed's change, samples */
	double ends_dof;
	double unsure; /* strokes that were not seen, or that none made */
};

struct rate_errors rate_errors_of(const struct account *account);
/* The period that the pen keeps to, with its standard uncertainty, in samples. Of RATE_STROKES_MIN strokes or more. */
double nominal_period(const struct account *account, double *ret_u);
/* Of a rate that add_rates() gave. */
void add_rate_error(struct result_list *list, const struct account *account, const struct reasons *why,
		    struct result rate);
void add_rate_details(struct result_list *list, const struct account *account, const struct reasons *why);
void add_events(struct result_list *list, const struct account *account, const struct reasons *why);
#define EVENT_CLOCK_S 0.001 /* standard uncertainty of a command's place on the sample axis */
/* How far off the two moments may be by what was seen of the strokes, as half-widths; NaN: there is no such moment. */
struct event_widths {
	double entry_s;       /* of the entry into the band of the final rate */
	double last_stroke_s; /* from the last full stroke of the coast to the last one */
};

struct event_widths event_widths_of(const struct account *account);
/* Of a pen that was not seen to strike before the window: strokes that were due in it before the first one that was. */
double unseen_at_start(const struct account *account);
/* Completes the reason of depths. */
void add_depths(struct result_list *list, const struct account *account, struct reasons *why);
/* How depths scatter, by one method. */
struct depth_spread {
	const char *name;
	const struct moments *seen;    /* depths, noise included */
	double max_mm;                 /* the largest of all strokes */
	double noise_mm2, u_noise_mm2; /* variance of one stroke's depth that is not the stroke's; its uncertainty */
	double kappa, u_kappa;         /* share of a change of depth that is seen */
	double told_kappa_u;           /* of its uncertainty, what is not for tops that something may hold */
	double trend_mm;               /* over the window: may be the phantom's */
	double moved_mm2;              /* what may move each stroke, and is not known to: with noise_mm2 as its least */
	double held;                   /* share of it that the tops lack, as of depth_share */
	double gain_rel;               /* standard uncertainty of the scale */
	void (*shared_budget)(struct result *r, const struct account *a); /* what all strokes have in common */
	const char *why;
};

/* What noise and shape do to the scatter sd of depths by force: fills noise_mm2 to gain_rel. */
void spread_of_force(const struct account *account, const struct stroke_noise *noise, double sd,
		     struct depth_spread *ret);
/* Factor of the tolerance limits; NaN: too few strokes. Rough while the point goes on. */
double depth_tolerance_k(const struct account *account, const struct moments *seen);
/* Share of a variance below which one of so many values is seen with the chance that their confidence leaves; NaN: too few. */
double depth_tolerance_low(const struct moments *seen);
/* Strokes of the window that may have been made though the sensor did not see them. */
double strokes_unseen(const struct account *account);
/* What a straight line through the depths changes over the window, and the standard deviation of that of strokes without
 * a trend, mm. */
struct depth_trend {
	double over_mm, noise_mm;
};

struct depth_trend depth_trend_of(const struct depths *depths);
void add_depth_spread(struct result_list *list, const struct account *account, const struct depth_spread *spread);
/* Expanded uncertainty of the mean depth by force without what the model checks add; NaN: there is none. mm. */
double depth_rest_u(const struct account *account);
/* Expanded uncertainty of the mean height without what the model checks add; NaN: there is none. N. */
double height_rest_u(const struct account *account);
void add_forces(struct result_list *list, const struct account *account, const struct reasons *why);
/* force: why forces may not be judged; empty: they may. */
void add_crest_factor(struct result_list *list, const struct account *account, const char *force);
void add_impulse(struct result_list *list, const struct account *account, const char *force);

/* The force of the window above its level, all strokes at their mean period. */
struct force_shape {
	double mean_n, rms_n;            /* 0: no pulse is known */
	double impulse_n_s, scatter_n_s; /* of one stroke; sd */
	double template_n_s;             /* standard uncertainty of that from the template's noise */
	double contact_s;                /* how long a stroke touches, margins included */
};

struct force_shape force_shape_of(const struct account *account);
/* Standard uncertainty that a depth by displacement has where no eccentric moves the bar, mm. */
double bar_shape_mm(const struct protrusions *protrusion);
/* Amplitude of the hum that cannot be told from the strokes within the window, N. */
double hidden_hum(const struct account *account);
/* Standard uncertainty of the mean height from a filter that is slower than the declared load cell, N; 0: there is none. */
double filter_u_n(const struct account *account);
/* Relative standard uncertainty of the load cell's correction at the peak, as declared. */
double cell_u_rel(const struct point_config *config);
/* Lines of what a load cell has beside its sensitivity, relative to force, times `per`; and all of them together. */
void add_cell_lines(struct result *result, const struct point_uncertainties *u, double per);
double cell_lines_rel(const struct point_uncertainties *u);
/* Standard uncertainty of the level that the window's forces count from, N. */
double level_u_n(const struct account *account);
/* Relative standard uncertainty of a height from the template's own; 0: none is known. */
double template_u_rel(const struct account *account);
/* Change of a fitted height per change of that level. */
double level_gain(const struct account *account);
/* Whether the model checks saw the declared load cell ring: what they leave then stands for its certificate. */
bool cell_is_seen(const struct account *account);
/* Standard uncertainty of the load cell's correction of the mean height by that, N: where the cell is not seen. */
double cell_u_n(const struct account *account);

#endif
