/* The page of a point: what the estimators leave of it, gathered and tested (plot_data.c) and drawn (plot_page.c). */
#ifndef PENRIG_REPORTS_DRAW_PLOT_H
#define PENRIG_REPORTS_DRAW_PLOT_H

#include <stdio.h>

#include "rig/measure/point/point.h"
#include "rig/measure/statistics.h"
#include "rig/measure/whiteness.h"

#define PLOT_DOTS_MAX    6000  /* of the folded data, evenly thinned */
#define PLOT_STRUCTURE_P 0.001 /* a p value below this is called structure */

struct plot_series { /* one value per stroke or interval */
	unsigned n;
	double *t_s, *value; /* from the first stroke of the window */
	double rho[WHITENESS_LAGS];
	bool has_rho;
	double p; /* Ljung-Box; NaN: too few */
};

struct plot_data {
	double fs_hz;
	/* by phase */
	struct phase_fold pulse_n; /* less the residual, so the template as it was fitted */
	struct phase_fold own_n,
		early_n; /* residuals against the window's own template; against the one from spin-up */
	struct phase_test own, early;
	unsigned dots, dot_stride;
	uint64_t dots_seen;
	float dot_phase[PLOT_DOTS_MAX], dot_n[PLOT_DOTS_MAX]; /* scaled to the mean height when prepared */
	double noise_n;
	double squares_contact, squares_free; /* of residuals where the template stands and where not */
	uint64_t samples_contact, samples_free;
	double rms_contact_n, rms_free_n, height_n;
	/* strokes */
	unsigned strokes, room;
	double *instant, *depth_mm, *height_each_n;
	bool out_of_memory;
	bool has_depth;           /* else the height stands in its place */
	struct plot_series depth; /* less mean and trend: `depth.value` is the depth itself */
	double depth_mean, depth_slope_per_s, depth_sd;
	struct plot_series interval; /* us, less the mean */
	double *innovation;          /* of the intervals under the jitter model */
	double theta, interval_mean_us, interval_sd_us, innovation_sd_us, normal_p;
	unsigned odd_intervals; /* left out: missed and double strokes */
	/* What the verdict rests on: the model checks of the point as the record has them; borrowed. */
	const struct check_result *check;
	unsigned checks;
};

void plot_data_reset(struct plot_data *d, double fs_hz);
void plot_data_release(struct plot_data *d);
void plot_data_residual(void *d, const struct residual_chunk *chunk); /* for point_on_residual() */
void plot_data_stroke(struct plot_data *d, const struct stroke *stroke);
int plot_data_prepare(struct plot_data *d); /* -ENOMEM */

/* One page. `title` is plain text. Every panel says its number in words. */
void plot_page(FILE *out, const struct plot_data *d, const char *title, const char *subtitle);

/* The words beneath each panel. */
#define PLOT_TEXT_MAX 256
void plot_say_template(const struct plot_data *d, char ret[PLOT_TEXT_MAX]);
void plot_say_own(const struct plot_data *d, char ret[PLOT_TEXT_MAX]);
void plot_say_early(const struct plot_data *d, char ret[PLOT_TEXT_MAX]); /* empty: there is none */
void plot_say_depth(const struct plot_data *d, char ret[PLOT_TEXT_MAX]);
/* One model check: its state, statistic, threshold and line, as in the report. */
void plot_say_check(const struct check_result *check, char ret[PLOT_TEXT_MAX]);
void plot_say_interval(const struct plot_data *d, char ret[PLOT_TEXT_MAX]);

#endif
