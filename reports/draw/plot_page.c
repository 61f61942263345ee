/* The page of one point: four panels of graphs with their numbers. Leaves out every test (plot_data.c) and every mark
 * (svg.c). */
#include <math.h>
#include <string.h>

#include "reports/draw/plot.h"
#include "reports/draw/svg.h"

#define PAGE_WIDTH     1200
#define PAGE_HEIGHT    960 /* without the model checks */
#define CHECKS_TOP     976.0
#define CHECKS_ROW     17.0
#define CHECKS_COLUMNS 84
#define PANEL_WIDTH    490.0
#define PANEL_HEIGHT   290.0
#define COLUMN_1       84.0
#define COLUMN_2       684.0
#define ROW_1          112.0
#define ROW_2          556.0
#define SIDE_WIDTH     150.0 /* of the small graph at a panel's right */
#define SIDE_GAP       92.0
#define SERIES_DRAWN   2000 /* values; of more, evenly chosen ones */
#define WORDS_COLUMNS  76
#define HISTOGRAM_BINS 21

/* The numbers beneath a panel, broken behind a semicolon or comma where they are longer than the panel. */
static void words(FILE *out, double left, double top, const char *text)
{
	char line[PLOT_TEXT_MAX];
	double y = top + PANEL_HEIGHT + 60;

	while (*text) {
		size_t len = strlen(text), cut = len;

		if (len > WORDS_COLUMNS) {
			for (size_t i = cut = WORDS_COLUMNS; i > WORDS_COLUMNS / 2; i--) {
				if (text[i] == ' ' && strchr(";:,", text[i - 1])) {
					cut = i;
					break;
				}
			}
		}
		snprintf(line, sizeof(line), "%.*s", (int)cut, text);
		svg_text(out, left, y, 12, "start", line);
		y += 17;
		text += cut;
		text += strspn(text, " ");
	}
}

static void extremes(const double *x, unsigned n, double *ret_lo, double *ret_hi)
{
	*ret_lo = INFINITY;
	*ret_hi = -INFINITY;
	for (unsigned i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		*ret_lo = fmin(*ret_lo, x[i]);
		*ret_hi = fmax(*ret_hi, x[i]);
	}
}

static void bin_phases(double ret[PHASE_BINS])
{
	for (unsigned b = 0; b < PHASE_BINS; b++)
		ret[b] = (b + 0.5) / PHASE_BINS - 0.5;
}

static void panel_template(FILE *out, const struct plot_data *d)
{
	struct svg_axes a = {.out = out,
			     .left = COLUMN_1,
			     .top = ROW_1,
			     .width = PANEL_WIDTH,
			     .height = PANEL_HEIGHT,
			     .x0 = -0.5,
			     .x1 = 0.5,
			     .y0 = 0.0,
			     .y1 = d->height_n};
	double phase[PHASE_BINS], model[PHASE_BINS];
	char text[PLOT_TEXT_MAX];

	bin_phases(phase);
	for (unsigned b = 0; b < PHASE_BINS; b++)
		model[b] = d->pulse_n.n[b] ? d->pulse_n.mean[b] : NAN;
	for (unsigned i = 0; i < d->dots; i++) {
		a.y0 = fmin(a.y0, (double)d->dot_n[i]);
		a.y1 = fmax(a.y1, (double)d->dot_n[i]);
	}
	svg_range(&a.y0, &a.y1, 0.06);
	svg_heading(out, a.left, a.top - 12, 15, "1  Pulse template and folded data");
	svg_frame(&a, "phase of the stroke, periods from the deepest point", "force above baseline / N");
	svg_clip_begin(&a, "clip1");
	for (unsigned i = 0; i < d->dots; i++)
		svg_dot(&a, (double)d->dot_phase[i], (double)d->dot_n[i], 1.0, SVG_DATA);
	svg_line(&a, phase, model, PHASE_BINS, SVG_MODEL);
	svg_clip_end(&a);
	svg_legend(&a, 0, 'd', SVG_DATA, "samples less baseline and hum,");
	svg_legend(&a, 1, ' ', "none", "scaled to the mean height");
	svg_legend(&a, 2, 'l', SVG_MODEL, "template");
	plot_say_template(d, text);
	words(out, a.left, a.top, text);
}

static void residual_means(const struct phase_fold *fold, const struct phase_test *test, double ret_mn[PHASE_BINS])
{
	for (unsigned b = 0; b < PHASE_BINS; b++)
		ret_mn[b] = isfinite(test->se[b]) ? 1e3 * fold->mean[b] : NAN;
}

static double residual_reach(const struct phase_test *test, const double *mean_mn, double reach)
{
	for (unsigned b = 0; b < PHASE_BINS; b++)
		if (isfinite(test->se[b]))
			reach = fmax(reach, fmax(fabs(mean_mn[b]), 2.6e3 * test->se[b]));
	return reach;
}

static void draw_residual(const struct svg_axes *a, const struct plot_data *d, const double *own_mn,
			  const double *early_mn)
{
	const struct phase_test *band = d->own_n.strokes ? &d->own : &d->early;
	double phase[PHASE_BINS], half = 0.5 / PHASE_BINS;

	bin_phases(phase);
	svg_clip_begin(a, "clip2");
	for (unsigned b = 0; b < PHASE_BINS; b++)
		svg_box(a, phase[b] - half, -2e3 * band->se[b], phase[b] + half, 2e3 * band->se[b], SVG_BAND);
	svg_segment(a, -0.5, 0.0, 0.5, 0.0, SVG_FAINT);
	svg_line(a, phase, early_mn, PHASE_BINS, SVG_FAINT);
	svg_line(a, phase, own_mn, PHASE_BINS, SVG_MODEL);
	for (unsigned b = 0; b < PHASE_BINS; b++)
		svg_dot(a, phase[b], own_mn[b], 2.0, SVG_MODEL);
	svg_clip_end(a);
	svg_legend(a, 0, 'b', SVG_BAND, "\302\261 2 standard errors about zero");
	svg_legend(a, 1, 'l', SVG_MODEL, "against the window's own template");
	if (d->early_n.strokes)
		svg_legend(a, 2, 'l', SVG_FAINT, "against the first template, from spin-up");
}

static void panel_residual(FILE *out, const struct plot_data *d)
{
	struct svg_axes a = {.out = out,
			     .left = COLUMN_2,
			     .top = ROW_1,
			     .width = PANEL_WIDTH,
			     .height = PANEL_HEIGHT,
			     .x0 = -0.5,
			     .x1 = 0.5};
	double own_mn[PHASE_BINS], early_mn[PHASE_BINS];
	char text[PLOT_TEXT_MAX];

	residual_means(&d->own_n, &d->own, own_mn);
	residual_means(&d->early_n, &d->early, early_mn);
	a.y1 = residual_reach(&d->early, early_mn, residual_reach(&d->own, own_mn, 0.0));
	a.y0 = -a.y1;
	svg_range(&a.y0, &a.y1, 0.2);
	svg_heading(out, a.left, a.top - 12, 15, "2  Residual by phase, mean over strokes");
	svg_frame(&a, "phase of the stroke, periods from the deepest point", "mean residual / mN");
	draw_residual(&a, d, own_mn, early_mn);
	if (d->own_n.strokes)
		plot_say_own(d, text);
	else
		plot_say_early(d, text);
	words(out, a.left, a.top, text);
}

/* Value against time, in the panel's larger graph. */
static struct svg_axes time_axes(FILE *out, double left, const struct plot_series *s)
{
	struct svg_axes a = {.out = out,
			     .left = left,
			     .top = ROW_2,
			     .width = PANEL_WIDTH - SIDE_WIDTH - SIDE_GAP,
			     .height = PANEL_HEIGHT};

	a.x1 = s->n ? s->t_s[s->n - 1] : 1.0;
	svg_range(&a.x0, &a.x1, 0.02);
	extremes(s->value, s->n, &a.y0, &a.y1);
	svg_range(&a.y0, &a.y1, 0.08);
	return a;
}

static struct svg_axes side_axes(FILE *out, double left)
{
	return (struct svg_axes){.out = out,
				 .left = left + PANEL_WIDTH - SIDE_WIDTH,
				 .top = ROW_2,
				 .width = SIDE_WIDTH,
				 .height = PANEL_HEIGHT};
}

static void series_dots(const struct svg_axes *a, const struct plot_series *s)
{
	unsigned step = 1 + s->n / SERIES_DRAWN;

	for (unsigned i = 0; i < s->n; i += step)
		svg_dot(a, s->t_s[i], s->value[i], 1.6, SVG_DATA);
}

static void correlogram(FILE *out, double left, const struct plot_series *s)
{
	struct svg_axes a = side_axes(out, left);
	double band = s->n ? 1.959964 / sqrt(s->n) : 0.0, lo, hi;

	extremes(s->rho, WHITENESS_LAGS, &lo, &hi);
	a.x1 = WHITENESS_LAGS + 1.0;
	a.y1 = fmax(0.3, 1.15 * fmax(fabs(lo), fabs(hi)));
	a.y0 = -a.y1;
	svg_frame(&a, "lag / strokes", "autocorrelation");
	if (!s->has_rho)
		return;
	svg_box(&a, 0.0, -band, WHITENESS_LAGS + 1.0, band, SVG_BAND);
	svg_segment(&a, 0.0, 0.0, a.x1, 0.0, SVG_FAINT);
	for (unsigned lag = 1; lag <= WHITENESS_LAGS; lag++) {
		svg_segment(&a, lag, 0.0, lag, s->rho[lag - 1], SVG_MODEL);
		svg_dot(&a, lag, s->rho[lag - 1], 2.0, SVG_MODEL);
	}
	svg_legend(&a, 0, 'b', SVG_BAND, "95 % of white noise");
}

static void panel_depth(FILE *out, const struct plot_data *d)
{
	struct svg_axes a = time_axes(out, COLUMN_1, &d->depth);
	double last = d->strokes ? d->depth.t_s[d->strokes - 1] : 0.0, rise = 0.5 * last * d->depth_slope_per_s;
	char text[PLOT_TEXT_MAX];

	svg_heading(out, a.left, a.top - 12, 15,
		    d->has_depth ? "3  Depth of each stroke" : "3  Force pulse of each stroke (it has no depth)");
	svg_frame(&a, "time in the window / s", d->has_depth ? "depth / mm" : "force / N");
	svg_clip_begin(&a, "clip3");
	series_dots(&a, &d->depth);
	svg_segment(&a, 0.0, d->depth_mean - rise, last, d->depth_mean + rise, SVG_MODEL);
	svg_clip_end(&a);
	correlogram(out, COLUMN_1, &d->depth);
	plot_say_depth(d, text);
	words(out, a.left, a.top, text);
}

static void histogram(FILE *out, double left, const struct plot_data *d)
{
	struct svg_axes a = side_axes(out, left);
	double sd = d->innovation_sd_us, step = 8.0 / HISTOGRAM_BINS, most = 0.0, x[81], y[81];
	unsigned count[HISTOGRAM_BINS] = {0}, n = d->interval.n;

	for (unsigned i = 0; i < n && sd > 0.0; i++) {
		double bin = floor((d->innovation[i] / sd + 4.0) / step);

		if (bin >= 0.0 && bin < HISTOGRAM_BINS)
			count[(unsigned)bin]++;
	}
	for (unsigned i = 0; i < 81; i++) {
		x[i] = -4.0 + 0.1 * i;
		y[i] = n * step * exp(-0.5 * x[i] * x[i]) / sqrt(2.0 * M_PI);
		most = fmax(most, y[i]);
	}
	for (unsigned b = 0; b < HISTOGRAM_BINS; b++)
		most = fmax(most, count[b]);
	a.x0 = -4.0;
	a.x1 = 4.0;
	a.y1 = fmax(1.0, 1.2 * most);
	svg_frame(&a, "innovation / sd", "intervals");
	for (unsigned b = 0; b < HISTOGRAM_BINS; b++)
		svg_box(&a, -4.0 + b * step + 0.03, 0.0, -4.0 + (b + 1) * step - 0.03, count[b], SVG_DATA);
	svg_line(&a, x, y, 81, SVG_MODEL);
	svg_legend(&a, 0, 'l', SVG_MODEL, "normal");
}

static void panel_interval(FILE *out, const struct plot_data *d)
{
	struct svg_axes a = time_axes(out, COLUMN_2, &d->interval);
	char text[PLOT_TEXT_MAX];

	svg_heading(out, a.left, a.top - 12, 15, "4  Intervals between strokes, less their mean");
	svg_frame(&a, "time in the window / s", "interval residual / \302\265s");
	svg_clip_begin(&a, "clip4");
	svg_segment(&a, a.x0, 0.0, a.x1, 0.0, SVG_FAINT);
	series_dots(&a, &d->interval);
	svg_clip_end(&a);
	histogram(out, COLUMN_2, d);
	plot_say_interval(d, text);
	words(out, a.left, a.top, text);
}

static unsigned rows_of_checks(const struct plot_data *d)
{
	return (d->checks + 1) / 2;
}

static int checks_height(const struct plot_data *d)
{
	return d->checks ? (int)(CHECKS_ROW * (rows_of_checks(d) + 2)) : 0;
}

/* In two columns, in their order. */
static void list_checks(FILE *out, const struct plot_data *d)
{
	char text[PLOT_TEXT_MAX], line[PLOT_TEXT_MAX];
	unsigned rows = rows_of_checks(d);

	if (d->checks)
		svg_heading(out, COLUMN_1, CHECKS_TOP, 15, "Model checks, as the verdict has them");
	for (unsigned i = 0; i < d->checks; i++) {
		plot_say_check(&d->check[i], text);
		snprintf(line, sizeof(line), "%.*s%s", CHECKS_COLUMNS, text,
			 strlen(text) > CHECKS_COLUMNS ? "\342\200\246" : "");
		svg_text(out, i < rows ? COLUMN_1 : COLUMN_2, CHECKS_TOP + 22 + CHECKS_ROW * (i % rows), 12, "start",
			 line);
	}
}

void plot_page(FILE *out, const struct plot_data *d, const char *title, const char *subtitle)
{
	svg_begin(out, PAGE_WIDTH, PAGE_HEIGHT + checks_height(d));
	svg_heading_within(out, COLUMN_1 - 62, 36, 20, PAGE_WIDTH - COLUMN_1 + 52, title);
	svg_text(out, COLUMN_1 - 62, 58, 13, "start", subtitle);
	panel_template(out, d);
	panel_residual(out, d);
	panel_depth(out, d);
	panel_interval(out, d);
	list_checks(out, d);
	svg_end(out);
}
