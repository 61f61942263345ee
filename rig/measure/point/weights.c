/* Weights of the fit. Derivation: docs/method.md, "Noise as it acts", "Share of a depth that is seen", "Changes of speed". */
#include "rig/measure/point/weights.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"

#define LANES       8
#define SHAPES      3
#define TOP_TERMS   7 /* as the template's maximum */
#define TOP_SAMPLES 10
#define FEW_TERMS   5 /* of a cap with fewer */
#define FEW_SAMPLES 6
#define ANSWERS_MIN 0.3 /* of a regressor's energy */
#define FLANK_FROM  0.1 /* of the height */
#define FLANK_TO    0.45
#define FLANK_LEAST 3 /* samples of either flank */

int weights_init(struct weights *w, const struct template *t)
{
	*w = (struct weights){.room = 2 * t->pulse.half_max + 1};
	for (unsigned k = 0; k < WEIGHTS_KINDS; k++) {
		w->at[k] = calloc(w->room + LANES, sizeof(double));
		if (!w->at[k])
			return -ENOMEM;
	}
	return 0;
}

void weights_release(struct weights *w)
{
	for (unsigned k = 0; k < WEIGHTS_KINDS; k++)
		free(w->at[k]);
	memset(w->at, 0, sizeof(w->at));
}

void weights_copy(struct weights *to, const struct weights *from)
{
	double *at[WEIGHTS_KINDS];

	memcpy(at, to->at, sizeof(at));
	*to = *from;
	memcpy(to->at, at, sizeof(at));
	for (unsigned k = 0; k < WEIGHTS_KINDS; k++)
		memcpy(at[k], from->at[k], (from->room + LANES) * sizeof(double));
}

/* Every `step`-th sample of a pulse from `from` on, and how many of the shapes g, g', tau g' are fitted to them. */
struct part {
	unsigned from, step, shapes;
};

/* Solves the symmetric positive n x n system in place by elimination; n <= TOP_TERMS. */
static bool solve(double a[TOP_TERMS][TOP_TERMS], double *b, unsigned n)
{
	for (unsigned c = 0; c < n; c++) {
		if (!(a[c][c] > 0.0))
			return false;
		for (unsigned r = c + 1; r < n; r++) {
			double f = a[r][c] / a[c][c];

			for (unsigned k = c; k < n; k++)
				a[r][k] -= f * a[c][k];
			b[r] -= f * b[c];
		}
	}
	for (unsigned c = n; c-- > 0;) {
		for (unsigned k = c + 1; k < n; k++)
			b[c] -= a[c][k] * b[k];
		b[c] /= a[c][c];
	}
	return true;
}

/* b becomes the coefficients of a least-squares fit whose products with the shapes it was. */
static bool fit_shapes(const struct pulse *pulse, const struct part *part, double b[SHAPES])
{
	double a[TOP_TERMS][TOP_TERMS] = {{0}};

	for (unsigned i = part->from; i < pulse->table.count; i += part->step) {
		for (unsigned r = 0; r < part->shapes; r++) {
			for (unsigned c = 0; c < part->shapes; c++)
				a[r][c] += pulse->table.shape[r][i] * pulse->table.shape[c][i];
		}
	}
	return solve(a, b, part->shapes);
}

/* Adds the weights of the coefficient of shape `row`, times share. */
static bool add_weights(const struct pulse *pulse, const struct part *part, unsigned row, double share, double *to)
{
	double b[SHAPES] = {0};

	b[row] = 1.0;
	if (!fit_shapes(pulse, part, b))
		return false;
	for (unsigned i = part->from; i < pulse->table.count; i += part->step) {
		for (unsigned r = 0; r < part->shapes; r++)
			to[i] += share * b[r] * pulse->table.shape[r][i];
	}
	return true;
}

/* The blend of a height with the template's width and one with a free width. */
static bool add_height(const struct template *t, unsigned from, unsigned step, double *to)
{
	const struct part fixed = {from, step, 2}, free_width = {from, step, 3};

	return add_weights(&t->pulse, &fixed, 0, 1.0 - t->width_weight, to) &&
	       add_weights(&t->pulse, &free_width, 0, t->width_weight, to);
}

/* |tau|^power sign g', less what height, instant and width make of it. */
static bool unlike_halves(struct weights *w, const struct pulse *pulse, unsigned power)
{
	const struct part all = {0, 1, SHAPES};
	double *to = w->at[power == 1 ? WEIGHTS_EDGE : WEIGHTS_BEND], b[SHAPES] = {0}, square = 0.0, noise = 0.0;
	double share = pulse->slope_noise / (1.0 + pulse->slope_noise), of_one = share * pulse->slope_energy / w->count;

	for (unsigned i = 0; i < w->count; i++) {
		double tau = (double)(pulse->table.first + i) - pulse->half - pulse->peak_at;

		double arm = power == 1 ? fabs(tau) : tau * tau;

		to[i] = arm * pulse->table.shape[1][i];
		noise += arm * arm * of_one;
		for (unsigned r = 0; r < SHAPES; r++)
			b[r] += to[i] * pulse->table.shape[r][i];
	}
	if (!fit_shapes(pulse, &all, b))
		return false;
	w->shift[power - 1] = b[1];
	for (unsigned i = 0; i < w->count; i++) {
		for (unsigned r = 0; r < SHAPES; r++)
			to[i] -= b[r] * pulse->table.shape[r][i];
		square += to[i] * to[i];
	}
	/* What is noise in the template's slope answers to nothing. */
	double answers = fmax(ANSWERS_MIN * square, square - noise);

	for (unsigned i = 0; i < w->count; i++)
		to[i] /= answers;
	return square > 0.0;
}

/* Left empty where the cap has too few samples. */
static void top(struct weights *w, const struct pulse *pulse)
{
	double a[TOP_TERMS][TOP_TERMS] = {{0}}, b[TOP_TERMS], *to = w->at[WEIGHTS_TOP], sum = 0.0;
	long lo = pulse->cap.lo - w->first, hi = lo + (long)pulse->cap.count;
	double middle = 0.5 * (double)(lo + hi - 1), half = 0.5 * (double)(hi - lo), n = 0.0;
	double peak = (pulse->peak_at - (double)w->first - middle) / half;

	lo = lo < 0 ? 0 : lo;
	hi = hi > (long)w->count ? (long)w->count : hi;
	lo += lo % 2 == 0;
	for (long i = lo; i < hi; i += 2, n += 1.0) {
		double v = ((double)i - middle) / half;

		for (unsigned r = 0; r < TOP_TERMS; r++) {
			for (unsigned c = 0; c < TOP_TERMS; c++)
				a[r][c] += pow(v, r + c);
		}
	}
	for (unsigned r = 0; r < TOP_TERMS; r++)
		b[r] = pow(peak, r);
	unsigned terms = n < TOP_SAMPLES ? FEW_TERMS : TOP_TERMS;

	if (n < FEW_SAMPLES || !solve(a, b, terms))
		return;
	for (long i = lo; i < hi; i += 2) {
		double v = ((double)i - middle) / half, weight = b[terms - 1];

		for (unsigned r = terms - 1; r-- > 0;)
			weight = weight * v + b[r];
		to[i] = weight;
		sum += weight * pulse->table.shape[0][i];
	}
	for (long i = lo; i < hi; i += 2)
		to[i] /= sum;
}

static bool on_flank(const struct pulse *pulse, unsigned i)
{
	return pulse->table.shape[0][i] > FLANK_FROM && pulse->table.shape[0][i] < FLANK_TO;
}

/* The least squares of weights that answer 1 to a level, nothing to a shift, and FLANK_SHARE to the template. Left empty where a
 * flank has too few samples. */
static void flank(struct weights *w, const struct pulse *pulse)
{
	double a[TOP_TERMS][TOP_TERMS] = {{0}}, b[TOP_TERMS] = {1.0, 0.0, WEIGHTS_FLANK_SHARE};
	unsigned rising = 0, falling = 0;

	for (unsigned i = 0; i < w->count; i++) {
		const double row[SHAPES] = {1.0, pulse->table.shape[1][i], pulse->table.shape[0][i]};

		if (!on_flank(pulse, i))
			continue;
		rising += row[1] > 0.0;
		falling += row[1] < 0.0;
		for (unsigned r = 0; r < SHAPES; r++) {
			for (unsigned c = 0; c < SHAPES; c++)
				a[r][c] += row[r] * row[c];
		}
	}
	if (rising < FLANK_LEAST || falling < FLANK_LEAST || !solve(a, b, SHAPES))
		return;
	for (unsigned i = 0; i < w->count; i++) {
		if (on_flank(pulse, i))
			w->at[WEIGHTS_FLANK][i] =
				b[0] + b[1] * pulse->table.shape[1][i] + b[2] * pulse->table.shape[0][i];
	}
}

static bool weigh(struct weights *w, const struct template *t)
{
	const struct pulse *pulse = &t->pulse;
	const struct part all = {0, 1, SHAPES};

	if (!add_height(t, 0, 1, w->at[WEIGHTS_HEIGHT]) || !add_height(t, 0, 2, w->at[WEIGHTS_EVEN]) ||
	    !add_height(t, 1, 2, w->at[WEIGHTS_ODD]) || !add_weights(pulse, &all, 1, 1.0, w->at[WEIGHTS_INSTANT]) ||
	    !unlike_halves(w, pulse, 1) || !unlike_halves(w, pulse, 2))
		return false;
	top(w, pulse);
	flank(w, pulse);
	for (unsigned k = 0; k < WEIGHTS_KINDS; k++) {
		w->square[k] = 0.0;
		for (unsigned i = 0; i < w->count; i++)
			w->square[k] += w->at[k][i] * w->at[k][i];
	}
	return true;
}

bool weights_update(struct weights *w, const struct template *t)
{
	const struct pulse *pulse = &t->pulse;

	if (!pulse->ready)
		return false;
	if (w->builds == pulse->builds && w->width_weight == t->width_weight)
		return w->count > 0;
	w->builds = pulse->builds;
	w->width_weight = t->width_weight;
	w->first = (long)pulse->table.first - (long)pulse->half;
	w->count = pulse->table.count;
	for (unsigned k = 0; k < WEIGHTS_KINDS; k++)
		memset(w->at[k], 0, w->room * sizeof(double));
	if (!weigh(w, t))
		w->count = 0;
	return w->count > 0;
}

VECTOR_CLONES static double product(const double *w, const float *x, unsigned n)
{
	double lane[LANES] = {0}, sum = 0.0;
	unsigned i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (unsigned k = 0; k < LANES; k++)
			lane[k] += w[i + k] * (double)x[i + k];
	}
	for (; i < n; i++)
		lane[0] += w[i] * (double)x[i];
	for (unsigned k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

double weights_apply(const struct weights *w, enum weights_of kind, const float *x)
{
	return product(w->at[kind], x + w->first, w->count);
}

double weights_mean_square(const struct weights *w, const float *x)
{
	double sum = 0.0;

	for (unsigned i = 0; i < w->count; i++) {
		double v = (double)x[w->first + (long)i];

		sum += v * v;
	}
	return sum / w->count;
}
