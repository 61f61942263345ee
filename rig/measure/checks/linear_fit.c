/* Normal equations, inverted by Cholesky. */
#include "rig/measure/checks/linear_fit.h"

#include <math.h>
#include <string.h>

#define SINGULAR 1e-12 /* of a diagonal's element: what elimination must leave of it */

void linear_fit_begin(struct linear_fit *fit, unsigned terms)
{
	memset(fit, 0, sizeof(*fit));
	fit->terms = terms;
}

void linear_fit_add(struct linear_fit *fit, const double *row, double y, double weight)
{
	for (unsigned r = 0; r < fit->terms; r++) {
		double w = weight * row[r];

		fit->b[r] += w * y;
		for (unsigned c = 0; c <= r; c++)
			fit->a[r][c] += w * row[c];
	}
	fit->yy += weight * y * y;
	fit->n++;
}

void linear_fit_add_value(struct linear_fit *fit, const double *row, double y)
{
	for (unsigned r = 0; r < fit->terms; r++)
		fit->b[r] += row[r] * y;
	fit->yy += y * y;
	fit->n++;
}

void linear_fit_share(struct linear_fit *fit, const struct linear_fit *rows)
{
	memcpy(fit->a, rows->a, sizeof(fit->a));
}

/* Lower triangle L of a = L L'. */
static bool decompose(const struct linear_fit *fit, double l[FIT_TERMS_MAX][FIT_TERMS_MAX])
{
	for (unsigned r = 0; r < fit->terms; r++) {
		for (unsigned c = 0; c <= r; c++) {
			double sum = fit->a[r][c];

			for (unsigned k = 0; k < c; k++)
				sum -= l[r][k] * l[c][k];
			if (r == c && !(sum > SINGULAR * fit->a[r][r]))
				return false;
			l[r][c] = r == c ? sqrt(sum) : sum / l[c][c];
		}
	}
	return true;
}

static void invert_triangle(unsigned n, double l[FIT_TERMS_MAX][FIT_TERMS_MAX],
			    double inverse[FIT_TERMS_MAX][FIT_TERMS_MAX])
{
	for (unsigned c = 0; c < n; c++) {
		for (unsigned r = c; r < n; r++) {
			double sum = r == c;

			for (unsigned k = c; k < r; k++)
				sum -= l[r][k] * inverse[k][c];
			inverse[r][c] = sum / l[r][r];
		}
	}
}

bool linear_fit_solve(struct linear_fit *fit)
{
	double l[FIT_TERMS_MAX][FIT_TERMS_MAX], inverse[FIT_TERMS_MAX][FIT_TERMS_MAX] = {{0}};
	unsigned n = fit->terms;

	if (fit->n < n || !decompose(fit, l))
		return false;
	invert_triangle(n, l, inverse);
	fit->chi2 = fit->yy;
	for (unsigned r = 0; r < n; r++) {
		fit->value[r] = 0.0;
		for (unsigned c = 0; c < n; c++) {
			double sum = 0.0;

			for (unsigned k = r > c ? r : c; k < n; k++)
				sum += inverse[k][r] * inverse[k][c];
			fit->covariance[r][c] = sum;
			fit->value[r] += sum * fit->b[c];
		}
		fit->chi2 -= fit->value[r] * fit->b[r];
	}
	fit->chi2 = fmax(0.0, fit->chi2);
	return true;
}
