/* Bins of levels, and a step in them: both sides share slope and bend, but for what the slope may change by. */
#include "rig/measure/checks/level_series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/checks/linear_fit.h"
#include "rig/measure/statistics.h"

#define SIDE_MIN     6  /* bins */
#define TERMS        5  /* level, slope, bend, step, change of slope */
#define STEP         3  /* which of them is the step */
#define PSEUDO_EVERY 15 /* bins of gaps */
#define MAD_SIGMA    1.48

void level_series_init(struct level_series *s, double width)
{
	*s = (struct level_series){.width = width, .first_at = NAN, .last_at = NAN};
	s->tare.most = s->first.most = s->rest.most = LEVEL_SIDE;
	s->gaps.most = 2 * LEVEL_SIDE;
	s->tare.newest = s->gaps.newest = true;
}

static void close_bin(struct level_run *run)
{
	const struct level_bin *o = &run->open;
	struct level_bin mean = {.t = o->t / o->n, .y = o->y / o->n, .n = o->n};

	if (run->newest || run->closed < run->most)
		run->at[run->closed++ % run->most] = mean;
	run->open = (struct level_bin){.n = 0.0};
}

/* True: a bin was closed. */
static bool add(struct level_run *run, double width, double t, double level, unsigned n)
{
	bool closes = run->open.n > 0.0 && t >= run->open_end;

	if (closes)
		close_bin(run);
	if (run->open.n == 0.0)
		run->open_end = t + width;
	run->open.t += n * t;
	run->open.y += n * level;
	run->open.n += n;
	return closes;
}

void level_series_tare(struct level_series *s, double t, double level, unsigned n)
{
	add(&s->tare, s->width, t, level, n);
}

void level_series_rest(struct level_series *s, double t, double level, unsigned n)
{
	if (s->rest.closed < s->rest.most)
		add(&s->rest, s->width, t, level, n);
}

void level_series_stroke(struct level_series *s, double at)
{
	if (isnan(s->first_at))
		s->first_at = at;
	s->last_at = at;
}

/* Bins of a run in order of time. */
static unsigned in_order(const struct level_run *run, struct level_bin *ret)
{
	unsigned n = run->closed < run->most ? (unsigned)run->closed : run->most;

	for (unsigned i = 0; i < n; i++)
		ret[i] = run->at[(run->closed - n + i) % run->most];
	return n;
}

/* Two stretches of bins, before the step at t and after it. */
struct sides {
	const struct level_bin *bin[2];
	unsigned n[2];
	double t, width;
};

static void row_of(const struct sides *of, const struct level_bin *bin, unsigned side, double *row)
{
	double x = (bin->t - of->t) / (LEVEL_SIDE * of->width);

	row[0] = 1.0;
	row[1] = x;
	row[2] = x * x;
	row[3] = side;
	row[4] = side * x;
}

/* The two sides may be known differently well: variance of the step from each one's own residuals. */
static double step_variance(const struct sides *of, const struct linear_fit *fit)
{
	double sum = 0.0;

	for (unsigned side = 0; side < 2; side++) {
		double squares = 0.0, gain = 0.0, row[TERMS];

		for (unsigned i = 0; i < of->n[side]; i++) {
			double r = of->bin[side][i].y, h = 0.0;

			row_of(of, &of->bin[side][i], side, row);
			for (unsigned k = 0; k < TERMS; k++) {
				r -= fit->value[k] * row[k];
				h += fit->covariance[STEP][k] * row[k];
			}
			squares += r * r;
			gain += h * h;
		}
		sum += gain * squares / fmax(1.0, of->n[side] - 0.5 * TERMS);
	}
	return sum;
}

static struct level_step step_of(const struct sides *of)
{
	struct level_step ret = {.d = 0.0, .s = INFINITY};
	struct linear_fit fit;
	double row[TERMS];

	if (of->n[0] < SIDE_MIN || of->n[1] < SIDE_MIN)
		return ret;
	linear_fit_begin(&fit, TERMS);
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < of->n[side]; i++) {
			row_of(of, &of->bin[side][i], side, row);
			linear_fit_add(&fit, row, of->bin[side][i].y, 1.0);
		}
	}
	if (!linear_fit_solve(&fit))
		return ret;
	return (struct level_step){.d = fit.value[STEP], .s = sqrt(step_variance(of, &fit))};
}

/* Where no step is, what the same fit makes of all that wanders. */
static void add_pseudo(struct level_series *s)
{
	struct level_bin bins[2 * LEVEL_SIDE];
	unsigned n = in_order(&s->gaps, bins);
	const struct sides sides = {.bin = {bins, bins + LEVEL_SIDE},
				    .n = {LEVEL_SIDE, n - LEVEL_SIDE},
				    .t = bins[LEVEL_SIDE].t,
				    .width = s->width};

	s->pseudo[s->pseudos++] = fabs(step_of(&sides).d);
}

void level_series_gap(struct level_series *s, double t, double level, unsigned n, bool in_window)
{
	if (s->first.closed < s->first.most)
		add(&s->first, s->width, t, level, n);
	if (!add(&s->gaps, s->width, t, level, n) || !in_window)
		return;
	s->window_gaps++;
	if (s->pseudos < LEVEL_PSEUDO && s->window_gaps >= 2 * LEVEL_SIDE &&
	    (s->window_gaps - 2 * LEVEL_SIDE) % PSEUDO_EVERY == 0)
		add_pseudo(s);
}

static double wandering(const struct level_series *s)
{
	double sorted[LEVEL_PSEUDO];

	if (s->pseudos == 0)
		return 0.0;
	memcpy(sorted, s->pseudo, sizeof(sorted));
	return MAD_SIGMA * select_kth(sorted, s->pseudos, s->pseudos / 2);
}

static struct level_step widened(struct level_step step, double by)
{
	step.s = hypot(step.s, by);
	return step;
}

void level_series_steps(const struct level_series *s, double period, struct level_step *ret_start,
			struct level_step *ret_stop)
{
	struct level_bin before[2 * LEVEL_SIDE], after[2 * LEVEL_SIDE];
	struct sides start = {.bin = {before, after}, .t = s->first_at - 0.5 * period, .width = s->width};
	struct sides stop = {.bin = {before, after}, .t = s->last_at + 0.5 * period, .width = s->width};
	double wander = wandering(s);

	start.n[0] = in_order(&s->tare, before);
	start.n[1] = in_order(&s->first, after);
	*ret_start = widened(step_of(&start), wander);

	unsigned n = in_order(&s->gaps, before), from = n > LEVEL_SIDE ? n - LEVEL_SIDE : 0;

	stop.bin[0] = before + from;
	stop.n[0] = n - from;
	stop.n[1] = in_order(&s->rest, after);
	*ret_stop = widened(step_of(&stop), wander);
	ret_stop->d = -ret_stop->d;
}

static void add_run(struct linear_fit *fits, const struct level_series *s, const struct level_run *run, double noise_n)
{
	struct level_bin bins[2 * LEVEL_SIDE];
	unsigned n = in_order(run, bins);

	for (unsigned i = 0; i < n; i++) {
		double x = (bins[i].t - s->first_at) / (LEVEL_SIDE * s->width), row[3] = {1.0, x, x * x};

		linear_fit_add(&fits[0], row, bins[i].y, bins[i].n / (noise_n * noise_n));
		linear_fit_add(&fits[1], row, bins[i].y, bins[i].n / (noise_n * noise_n));
	}
}

double level_series_trend(const struct level_series *s, double noise_n)
{
	struct linear_fit fits[2]; /* a level; with slope and bend */

	linear_fit_begin(&fits[0], 1);
	linear_fit_begin(&fits[1], 3);
	add_run(fits, s, &s->tare, noise_n);
	add_run(fits, s, &s->gaps, noise_n);
	add_run(fits, s, &s->rest, noise_n);
	if (fits[1].n < SIDE_MIN || !linear_fit_solve(&fits[0]) || !linear_fit_solve(&fits[1]))
		return NAN;
	return (fits[0].chi2 - fits[1].chi2) / fmax(1.0, fits[1].chi2 / (fits[1].n - 3.0));
}
