/* A wave in the heights of a piece of the window, by least squares; pieces add up in power. */
#include "rig/measure/checks/top_lines.h"

#include <math.h>

#include "rig/measure/distribution.h"

#define TERMS       4
#define CHANCE      1e-7
#define APART       0.1 /* cycles per stroke: a pen's own wandering is slower */

#define PIECE_LEAST (TOP_STROKES / 2)
#define ROUNDING    1e-15 /* of the squares */

/* From the nearest whole number of turns per stroke. */
static double off_whole(double w, double period)
{
	double cycles = w * period / (2.0 * M_PI);

	return fabs(cycles - nearbyint(cycles));
}

bool top_lines_apart(double w, double other, double period)
{
	const double least = 2.0 / TOP_STROKES;

	return off_whole(w - other, period) > least && off_whole(w + other, period) > least;
}

bool top_line_told(double w, double period)
{
	double off = off_whole(w, period);

	return off > APART && off < 0.5 - 2.0 / TOP_STROKES;
}

/* Variance beside the wave. Sums of squares are known to rounding only: below that nothing is noise. */
static double noise_of(const struct linear_fit *fit)
{
	return fmax(fit->chi2 / (fit->n - TERMS), ROUNDING * fit->yy / fit->n);
}

/* What height and flank have in common, of their own and of their sum. */
static double common(const double *of)
{
	return 0.5 * (of[TOP_SUM] - of[TOP_HEIGHT] - of[TOP_FLANK]);
}

static void add_flanks(struct top_line *line)
{
	const struct linear_fit *h = &line->fit[TOP_HEIGHT], *f = &line->fit[TOP_FLANK];
	double noise[TOP_SERIES], chance = h->covariance[2][2] + h->covariance[3][3];

	if (!isfinite(f->yy))
		return;
	for (unsigned i = 0; i < TOP_SERIES; i++) {
		linear_fit_share(&line->fit[i], h);
		if (!linear_fit_solve(&line->fit[i]))
			return;
		noise[i] = noise_of(&line->fit[i]);
	}
	for (unsigned i = 0; i < TOP_SERIES; i++)
		line->noise[i] += noise[i];
	line->shared += h->value[2] * f->value[2] + h->value[3] * f->value[3] - chance * common(noise);
	line->squares += h->value[2] * h->value[2] + h->value[3] * h->value[3] - chance * noise[TOP_HEIGHT];
	line->flanked++;
}

static void end_piece(struct top_line *line)
{
	struct linear_fit *fit = &line->fit[TOP_HEIGHT];
	double c, s, det, noise;

	if (fit->terms == TERMS && fit->n >= PIECE_LEAST && linear_fit_solve(fit)) {
		noise = noise_of(fit);
		c = fit->value[2];
		s = fit->value[3];
		det = fit->covariance[2][2] * fit->covariance[3][3] - fit->covariance[2][3] * fit->covariance[2][3];
		if (noise > 0.0)
			line->seen += 0.5 *
				      (c * c * fit->covariance[3][3] - 2.0 * c * s * fit->covariance[2][3] +
				       s * s * fit->covariance[2][2]) /
				      (det * noise);
		double chance = noise * (fit->covariance[2][2] + fit->covariance[3][3]);

		line->power += c * c + s * s - chance;
		line->chance += chance;
		line->pieces++;
		add_flanks(line);
	}
	fit->terms = 0;
}

static void add_stroke(struct top_line *line, const double *row, const struct top_seen *seen)
{
	linear_fit_add(&line->fit[TOP_HEIGHT], row, seen->height_n, 1.0);
	linear_fit_add_value(&line->fit[TOP_FLANK], row, seen->flank_n);
	linear_fit_add_value(&line->fit[TOP_SUM], row, seen->height_n + seen->flank_n);
}

bool top_lines_want(const struct top_lines *t)
{
	return t->passed == 0;
}

static void end_pieces(struct top_lines *t)
{
	t->n = 0;
	for (unsigned i = 0; i < TOP_LINES_MAX; i++)
		end_piece(&t->line[i]);
	if (++t->ended >= TOP_ALL)
		t->passed = (TOP_EACH - 1) * TOP_STROKES;
}

void top_lines_add(struct top_lines *t, double at, const struct top_seen *seen, const double *w, unsigned lines)
{
	if (!top_lines_want(t)) {
		t->passed--;
		return;
	}
	if (t->n == 0)
		t->from = at;
	for (unsigned i = 0; i < lines && i < TOP_LINES_MAX; i++) {
		double row[TERMS] = {1.0, 2.0 * t->n / TOP_STROKES - 1.0};

		if (!(w[i] > 0.0))
			continue;
		for (unsigned k = 0; t->n == 0 && k < TOP_SERIES; k++)
			linear_fit_begin(&t->line[i].fit[k], TERMS);
		if (t->line[i].fit[TOP_HEIGHT].terms != TERMS)
			continue;
		sincos(w[i] * (at - t->from), &row[3], &row[2]);
		add_stroke(&t->line[i], row, seen);
	}
	if (++t->n == TOP_STROKES)
		end_pieces(t);
}

double top_line_seen(const struct top_lines *t, unsigned line)
{
	const struct top_line *l = &t->line[line];
	double n = l->pieces;

	if (l->pieces == 0 || 1.0 - chi2_below(2.0 * l->seen, 2.0 * n) > CHANCE)
		return 0.0;
	return sqrt(fmax(0.0, l->power / n));
}

/* Half of what chance adds is along the amplitude. */
double top_line_seen_u(const struct top_lines *t, unsigned line)
{
	const struct top_line *l = &t->line[line];

	return l->pieces ? sqrt(0.5 * l->chance) / l->pieces : INFINITY;
}

double top_line_ratio(const struct top_lines *t, unsigned line)
{
	const struct top_line *l = &t->line[line];

	return l->flanked > 0 && l->squares > 0.0 ? l->shared / l->squares : NAN;
}

double top_line_ratio_u(const struct top_lines *t, unsigned line, double ratio)
{
	const struct top_line *l = &t->line[line];
	double chance = 2.0 / TOP_STROKES; /* of a cosine's variance in that beside it */
	double apart = l->noise[TOP_FLANK] - 2.0 * ratio * common(l->noise) + ratio * ratio * l->noise[TOP_HEIGHT];

	if (isnan(top_line_ratio(t, line)))
		return INFINITY;
	return sqrt(fmax(0.0, apart) / l->flanked * chance * (l->squares + 2.0 * chance * l->noise[TOP_HEIGHT])) /
	       l->squares;
}
