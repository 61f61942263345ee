/* Gathers what the estimators leave of one point, and tests it. Leaves out every drawing (plot_page.c). */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/plot.h"

#define CONTACT_SHARE 0.01 /* of the height: above, a sample belongs to the contact */
#define ODD_LO        0.5  /* of the median interval: a double stroke; the same bounds as in the results */
#define ODD_HI        1.5
#define STROKES_FIRST 1024
#define CAP_BINS      8 /* a twelfth of a period */

void plot_data_release(struct plot_data *d)
{
	free(d->instant);
	free(d->depth_mm);
	free(d->height_each_n);
	free(d->depth.t_s);
	free(d->depth.value);
	free(d->interval.t_s);
	free(d->interval.value);
	free(d->innovation);
	memset(d, 0, sizeof(*d));
}

void plot_data_reset(struct plot_data *d, double fs_hz)
{
	plot_data_release(d);
	d->fs_hz = fs_hz;
	d->dot_stride = 1;
}

static void thin_dots(struct plot_data *d)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < d->dots; i += 2, kept++) {
		d->dot_phase[kept] = d->dot_phase[i];
		d->dot_n[kept] = d->dot_n[i];
	}
	d->dots = kept;
	d->dot_stride *= 2;
}

static void add_dot(struct plot_data *d, double phase, double relative)
{
	if (d->dots_seen++ % d->dot_stride)
		return;
	if (d->dots == PLOT_DOTS_MAX)
		thin_dots(d);
	d->dot_phase[d->dots] = (float)(phase - floor(phase + 0.5));
	d->dot_n[d->dots++] = (float)relative;
}

void plot_data_residual(void *ctx, const struct residual_chunk *chunk)
{
	struct plot_data *d = ctx;
	float model[RESIDUAL_CHUNK_MAX];

	for (unsigned i = 0; i < chunk->n; i++) {
		double residual = (double)chunk->residual_n[i];

		model[i] = chunk->pulse_n[i] - chunk->residual_n[i];
		add_dot(d, (double)chunk->phase[i], (double)chunk->pulse_n[i] / chunk->height_n);
		if ((double)model[i] > CONTACT_SHARE * chunk->height_n) {
			d->squares_contact += residual * residual;
			d->samples_contact++;
		} else {
			d->squares_free += residual * residual;
			d->samples_free++;
		}
	}
	struct phase_fold *fold = chunk->templated ? &d->own_n : &d->early_n;
	const struct phase_origin origin = {
		.stroke = chunk->stroke, .templated = chunk->templated, .learned = chunk->learned};

	if (fold->strokes == 0)
		d->own_n.before = d->early_n.strokes;
	phase_fold_add(fold, &origin, chunk->phase, chunk->residual_n, chunk->n);
	phase_fold_add(&d->pulse_n, &origin, chunk->phase, model, chunk->n);
	d->noise_n = chunk->noise_n;
}

static bool grow(double **at, unsigned room)
{
	double *moved = realloc(*at, room * sizeof(**at));

	if (moved)
		*at = moved;
	return moved != NULL;
}

void plot_data_stroke(struct plot_data *d, const struct stroke *stroke)
{
	if (stroke->phase != POINT_MEASURE || d->out_of_memory)
		return;
	if (d->strokes == d->room) {
		unsigned room = d->room ? 2 * d->room : STROKES_FIRST;

		if (room < d->room || !grow(&d->instant, room) || !grow(&d->depth_mm, room) ||
		    !grow(&d->height_each_n, room)) {
			d->out_of_memory = true;
			return;
		}
		d->room = room;
	}
	d->instant[d->strokes] = stroke->instant;
	d->depth_mm[d->strokes] = stroke->depth_mm;
	d->height_each_n[d->strokes++] = stroke->height_n;
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static double sd_of(const double *x, unsigned n)
{
	struct moments m = {.n = 0};

	for (unsigned i = 0; i < n; i++)
		moments_add(&m, x[i]);
	return moments_sd(&m);
}

static void correlate(struct plot_series *s, const double *x, unsigned n, unsigned fitted)
{
	s->has_rho = autocorrelation(x, n, s->rho) == 0;
	s->p = s->has_rho ? ljung_box_p(s->rho, n, fitted) : NAN;
}

static int prepare_depth(struct plot_data *d)
{
	unsigned n = d->strokes;
	double *rest = calloc(n + 1, sizeof(*rest));

	d->depth.t_s = calloc(n + 1, sizeof(double));
	d->depth.value = calloc(n + 1, sizeof(double));
	if (!rest || !d->depth.t_s || !d->depth.value) {
		free(rest);
		return -ENOMEM;
	}
	d->has_depth = n > 0;
	for (unsigned i = 0; i < n; i++)
		d->has_depth = d->has_depth && isfinite(d->depth_mm[i]);
	d->depth.n = n;
	for (unsigned i = 0; i < n; i++) {
		d->depth.t_s[i] = (d->instant[i] - d->instant[0]) / d->fs_hz;
		d->depth.value[i] = d->has_depth ? d->depth_mm[i] : d->height_each_n[i];
		d->depth_mean += d->depth.value[i] / n;
		d->height_n += d->height_each_n[i] / n;
	}
	double slope = n > 1 ? detrend(d->depth.value, n, rest) : 0.0;

	d->depth_slope_per_s = n > 1 ? slope * (n - 1) / d->depth.t_s[n - 1] : 0.0;
	d->depth_sd = sd_of(rest, n);
	correlate(&d->depth, rest, n, 0);
	free(rest);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *x, unsigned n, double *scratch)
{
	memcpy(scratch, x, n * sizeof(*x));
	qsort(scratch, n, sizeof(*x), by_value);
	return scratch[n / 2];
}

static void keep_regular(struct plot_data *d, double *scratch)
{
	struct plot_series *s = &d->interval;
	unsigned n = d->strokes - 1, kept = 0;

	for (unsigned i = 0; i < n; i++)
		s->value[i] = (d->instant[i + 1] - d->instant[i]) / d->fs_hz * 1e6;
	double middle = median(s->value, n, scratch);

	for (unsigned i = 0; i < n; i++) {
		if (s->value[i] > ODD_HI * middle || s->value[i] < ODD_LO * middle)
			continue;
		s->t_s[kept] = d->depth.t_s[i + 1];
		s->value[kept++] = s->value[i];
	}
	d->odd_intervals = n - kept;
	s->n = kept;
	for (unsigned i = 0; i < kept; i++)
		d->interval_mean_us += s->value[i] / kept;
	for (unsigned i = 0; i < kept; i++)
		s->value[i] -= d->interval_mean_us;
}

static int prepare_interval(struct plot_data *d)
{
	struct plot_series *s = &d->interval;
	unsigned room = d->strokes + 1;
	double *scratch = calloc(room, sizeof(*scratch));

	s->t_s = calloc(room, sizeof(double));
	s->value = calloc(room, sizeof(double));
	d->innovation = calloc(room, sizeof(double));
	s->p = d->normal_p = NAN;
	if (!scratch || !s->t_s || !s->value || !d->innovation) {
		free(scratch);
		return -ENOMEM;
	}
	if (d->strokes > 2) {
		keep_regular(d, scratch);
		d->theta = moving_average_fit(s->value, s->n, d->innovation);
		d->interval_sd_us = sd_of(s->value, s->n);
		d->innovation_sd_us = sd_of(d->innovation, s->n);
		correlate(s, d->innovation, s->n, 1);
		memcpy(scratch, d->innovation, s->n * sizeof(*scratch));
		d->normal_p = normality_p(scratch, s->n);
	}
	free(scratch);
	return 0;
}

int plot_data_prepare(struct plot_data *d)
{
	int rc = d->out_of_memory ? -ENOMEM : prepare_depth(d);

	if (rc == 0)
		rc = prepare_interval(d);
	phase_fold_end(&d->own_n);
	phase_fold_end(&d->early_n);
	phase_fold_end(&d->pulse_n);
	phase_fold_test(&d->own_n, &d->own);
	phase_fold_test(&d->early_n, &d->early);
	d->rms_contact_n = d->samples_contact ? sqrt(d->squares_contact / (double)d->samples_contact) : NAN;
	d->rms_free_n = d->samples_free ? sqrt(d->squares_free / (double)d->samples_free) : NAN;
	for (unsigned i = 0; i < d->dots; i++)
		d->dot_n[i] = (float)((double)d->dot_n[i] * d->height_n);
	return rc;
}

/* ---- words ----------------------------------------------------------------------------------------------------- */

static bool shows_structure(double p)
{
	return p < PLOT_STRUCTURE_P;
}

static const char *finding(double p)
{
	return isnan(p) ? "too few strokes to tell" : shows_structure(p) ? "STRUCTURE" : "no structure";
}

void plot_say_template(const struct plot_data *d, char ret[PLOT_TEXT_MAX])
{
	snprintf(ret, PLOT_TEXT_MAX,
		 "%" PRIu64 " of %u strokes fitted; height %.4f N; residual rms %.3f mN in contact, %.3f mN without: "
		 "ratio %.3f",
		 d->pulse_n.strokes, d->strokes, d->height_n, 1e3 * d->rms_contact_n, 1e3 * d->rms_free_n,
		 d->rms_contact_n / d->rms_free_n);
}

/* Mean residual about the deepest point: what the height as fitted lacks. */
static double at_the_cap(const struct phase_fold *fold)
{
	double sum = 0.0;
	unsigned lo = PHASE_BINS / 2 - CAP_BINS / 2;

	for (unsigned b = lo; b < lo + CAP_BINS; b++)
		sum += fold->mean[b];
	return sum / CAP_BINS;
}

static void say_fold(const struct plot_data *d, const struct phase_fold *fold, const struct phase_test *test,
		     char ret[PLOT_TEXT_MAX])
{
	double cap_n = at_the_cap(fold);

	snprintf(ret, PLOT_TEXT_MAX,
		 "%" PRIu64
		 " strokes: max |mean residual| %.4f mN (%.3f sigma, %.4f %% of height); at the deepest point "
		 "%+.4f mN (%+.4f %%); max |z| %.2f at %+.2f, p = %.3g",
		 fold->strokes, 1e3 * test->worst, test->worst / d->noise_n, 100.0 * test->worst / d->height_n,
		 1e3 * cap_n, 100.0 * cap_n / d->height_n, test->worst_z, (test->worst_bin + 0.5) / PHASE_BINS - 0.5,
		 test->p);
}

void plot_say_own(const struct plot_data *d, char ret[PLOT_TEXT_MAX])
{
	if (d->own_n.strokes)
		say_fold(d, &d->own_n, &d->own, ret);
	else
		snprintf(ret, PLOT_TEXT_MAX, "the window is too short for a template of its own");
}

void plot_say_early(const struct plot_data *d, char ret[PLOT_TEXT_MAX])
{
	ret[0] = '\0';
	if (d->early_n.strokes)
		say_fold(d, &d->early_n, &d->early, ret);
}

void plot_say_depth(const struct plot_data *d, char ret[PLOT_TEXT_MAX])
{
	snprintf(ret, PLOT_TEXT_MAX, "mean %.4f %s, sd %.3f %s, trend %+.3f %s/s; Ljung-Box (20 lags) p = %.3g: %s",
		 d->depth_mean, d->has_depth ? "mm" : "N", 1e3 * d->depth_sd, d->has_depth ? "um" : "mN",
		 1e3 * d->depth_slope_per_s, d->has_depth ? "um" : "mN", d->depth.p, finding(d->depth.p));
}

void plot_say_check(const struct check_result *check, char ret[PLOT_TEXT_MAX])
{
	char figures[36] = "", line[24] = "";

	if (isfinite(check->statistic) && isfinite(check->threshold))
		snprintf(figures, sizeof(figures), ", %.4g against %.4g", check->statistic, check->threshold);
	else if (isfinite(check->statistic))
		snprintf(figures, sizeof(figures), ", %.4g", check->statistic);
	if (check->u_mm > 0.0)
		snprintf(line, sizeof(line), ", line %.3g um", 1e3 * check->u_mm);
	snprintf(ret, PLOT_TEXT_MAX, "%s: %s%s%s%s%s", check->name, check_state_name(check->state), figures, line,
		 check->reason[0] ? "; " : "", check->reason);
}

void plot_say_interval(const struct plot_data *d, char ret[PLOT_TEXT_MAX])
{
	char odd[60] = "";

	if (d->odd_intervals)
		snprintf(odd, sizeof(odd), "; %u odd ones left out", d->odd_intervals);
	snprintf(ret, PLOT_TEXT_MAX,
		 "sd %.2f us, theta %.2f; innovations: Ljung-Box p = %.3g: %s; Anderson-Darling p = %.3g: %s%s",
		 d->interval_sd_us, d->theta, d->interval.p, finding(d->interval.p), d->normal_p,
		 isnan(d->normal_p)             ? "too few strokes to tell"
		 : shows_structure(d->normal_p) ? "NOT NORMAL"
						: "normal",
		 odd);
}
