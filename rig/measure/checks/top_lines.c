/* A wave in the heights of a piece of the window, by least squares; pieces add up in power. */
#include "rig/measure/checks/top_lines.h"

#include <math.h>

#include "rig/measure/distribution.h"

#define TERMS  4
#define CHANCE 1e-7
#define APART  0.1 /* cycles per stroke: a pen's own wandering is slower */

bool top_line_told(double w, double period)
{
	double cycles = w * period / (2.0 * M_PI), off = fabs(cycles - nearbyint(cycles));

	return off > APART && off < 0.5 - 2.0 / TOP_STROKES;
}

static void end_piece(struct top_line *line)
{
	struct linear_fit *fit = &line->fit;
	double c, s, det, noise;

	if (fit->terms == TERMS && linear_fit_solve(fit)) {
		noise = fit->chi2 / (fit->n - TERMS);
		c = fit->value[2];
		s = fit->value[3];
		det = fit->covariance[2][2] * fit->covariance[3][3] - fit->covariance[2][3] * fit->covariance[2][3];
		line->seen += 0.5 *
			      (c * c * fit->covariance[3][3] - 2.0 * c * s * fit->covariance[2][3] +
			       s * s * fit->covariance[2][2]) /
			      (det * noise);
		line->power += c * c + s * s - noise * (fit->covariance[2][2] + fit->covariance[3][3]);
		line->pieces++;
	}
	fit->terms = 0;
}

void top_lines_add(struct top_lines *t, double at, double height_n, const double *w, unsigned lines)
{
	if (t->n == 0)
		t->from = at;
	for (unsigned i = 0; i < lines && i < TOP_LINES_MAX; i++) {
		double row[TERMS] = {1.0, 2.0 * t->n / TOP_STROKES - 1.0};

		if (!(w[i] > 0.0))
			continue;
		if (t->n == 0)
			linear_fit_begin(&t->line[i].fit, TERMS);
		if (t->line[i].fit.terms != TERMS)
			continue;
		sincos(w[i] * (at - t->from), &row[3], &row[2]);
		linear_fit_add(&t->line[i].fit, row, height_n, 1.0);
	}
	if (++t->n < TOP_STROKES)
		return;
	t->n = 0;
	for (unsigned i = 0; i < TOP_LINES_MAX; i++)
		end_piece(&t->line[i]);
}

double top_line_seen(const struct top_lines *t, unsigned line)
{
	const struct top_line *l = &t->line[line];
	double n = l->pieces;

	if (l->pieces == 0 || 1.0 - chi2_below(2.0 * l->seen, 2.0 * n) > CHANCE)
		return 0.0;
	return sqrt(fmax(0.0, l->power / n));
}
