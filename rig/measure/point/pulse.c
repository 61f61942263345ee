/* Template of the force pulse: folded strokes, least-squares B-spline, polyphase table, and the three-parameter stroke
 * fit (height, instant, width). Derivation: docs/method.md, "Template". */
#include "rig/measure/point/pulse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"

#define KNOTS_PER_PERIOD 96.0
#define KNOTS_IN_NOISE   48.0  /* as few as noise asks for */
#define KNOT_MIN         1.05  /* samples: below one, strokes of different sub-sample phases do not share a template */
#define SLOPE_NOISE      0.003 /* of the sum of g'^2: what the noise of the strokes folded may add to it */
#define WINDOW_PERIODS   0.52
#define GAP_SHARE_MIN    0.04
#define FIT_STEPS        12
#define STEPS_FREE       3   /* before steps that come back are held */
#define PLACE_NEAR       1.0 /* sample: the step after it is far shorter */
/* Variance at the centre of n samples fitted by a polynomial of sixth degree, times n: sum of (2k + 1) P_k(0)^2.
 * Where there are too few samples for weights. */
#define SEXTIC_VARIANCE 4.785

int pulse_init(struct pulse *pulse, double period_max)
{
	size_t width;

	*pulse = (struct pulse){.half_max = (unsigned)ceil(WINDOW_PERIODS * period_max) + 2};
	width = 2 * (size_t)pulse->half_max + 1;
	pulse->fold.sum = calloc(PULSE_ROWS * width, sizeof(double));
	for (unsigned i = 0; i < 3; i++)
		pulse->table.shape[i] = calloc(PULSE_PHASES * width + 8, sizeof(double));
	if (!pulse->fold.sum || !pulse->table.shape[0] || !pulse->table.shape[1] || !pulse->table.shape[2]) {
		pulse_release(pulse);
		return -ENOMEM;
	}
	return 0;
}

void pulse_release(struct pulse *pulse)
{
	free(pulse->fold.sum);
	for (unsigned i = 0; i < 3; i++)
		free(pulse->table.shape[i]);
	pulse->fold.sum = NULL;
	pulse->table.shape[0] = pulse->table.shape[1] = pulse->table.shape[2] = NULL;
}

void pulse_copy(struct pulse *to, const struct pulse *from)
{
	size_t width = 2 * (size_t)from->half_max + 1;
	double *sum = to->fold.sum, *shape[3] = {to->table.shape[0], to->table.shape[1], to->table.shape[2]};

	*to = *from;
	to->fold.sum = sum;
	memcpy(sum, from->fold.sum, PULSE_ROWS * width * sizeof(double));
	for (unsigned i = 0; i < 3; i++) {
		to->table.shape[i] = shape[i];
		memcpy(shape[i], from->table.shape[i], (PULSE_PHASES * width + 8) * sizeof(double));
	}
}

static size_t row_len(const struct pulse *pulse)
{
	return 2 * (size_t)pulse->half_max + 1;
}

void pulse_start(struct pulse *pulse, double period)
{
	double half = ceil(WINDOW_PERIODS * period);

	pulse->half = half < pulse->half_max ? (unsigned)half : pulse->half_max;
	pulse->coarse = fmax(KNOT_MIN, period / KNOTS_PER_PERIOD);
	memset(pulse->fold.sum, 0, PULSE_ROWS * row_len(pulse) * sizeof(double));
	memset(pulse->fold.weight, 0, sizeof(pulse->fold.weight));
	pulse->fold.strokes = pulse->fold.built_from = 0;
}

static void split(double at, unsigned phases, double *ret_base, unsigned *ret_phase)
{
	double base = floor(at);
	unsigned phase = (unsigned)((at - base) * phases + 0.5);

	if (phase == phases) {
		base += 1.0;
		phase = 0;
	}
	*ret_base = base;
	*ret_phase = phase;
}

VECTOR_CLONES static void add_scaled(double *restrict to, const float *from, double factor, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] += factor * (double)from[i];
}

void pulse_fold(struct pulse *pulse, const float *x, double x0, double at, double height)
{
	unsigned row, n = 2 * pulse->half + 1;
	double base;

	split(at, PULSE_ROWS, &base, &row);
	const float *from = x + (long)(base - x0) - pulse->half;
	double *to = pulse->fold.sum + row * row_len(pulse);

	add_scaled(to, from, height, n);
	pulse->fold.weight[row] += height * height;
	pulse->fold.strokes++;
}

void pulse_forget_half(struct pulse *pulse)
{
	for (size_t i = 0; i < PULSE_ROWS * row_len(pulse); i++)
		pulse->fold.sum[i] *= 0.5;
	for (unsigned row = 0; row < PULSE_ROWS; row++)
		pulse->fold.weight[row] *= 0.5;
	pulse->fold.strokes /= 2;
	pulse->fold.built_from = pulse->fold.strokes;
}

/* Uniform cubic B-splines: the four that are not zero at u in [0, 1) of an interval, and their derivatives. */
static void basis(double u, double *b, double *db)
{
	double v = 1.0 - u;

	b[0] = v * v * v / 6.0;
	b[1] = (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0;
	b[2] = (3.0 * v * v * v - 6.0 * v * v + 4.0) / 6.0;
	b[3] = u * u * u / 6.0;
	db[0] = -0.5 * v * v;
	db[1] = 1.5 * u * u - 2.0 * u;
	db[2] = -1.5 * v * v + 2.0 * v;
	db[3] = 0.5 * u * u;
}

static unsigned locate(const struct spline *spline, double tau, double *ret_u)
{
	double p = fmax(0.0, tau / spline->knot);
	unsigned j = (unsigned)p;

	if (j > spline->coefs - 4)
		j = spline->coefs - 4;
	*ret_u = fmin(1.0, p - j);
	return j;
}

static double spline_at(const struct spline *spline, double tau, double *ret_slope)
{
	double b[4], db[4], u, g = 0.0, slope = 0.0;
	unsigned j = locate(spline, tau, &u);

	basis(u, b, db);
	for (unsigned k = 0; k < 4; k++) {
		g += b[k] * spline->coef[j + k];
		slope += db[k] * spline->coef[j + k];
	}
	*ret_slope = slope / spline->knot;
	return g;
}

static double shape_at(const struct pulse *pulse, double tau, double *ret_slope)
{
	return spline_at(&pulse->spline, tau + pulse->half + 1.0, ret_slope);
}

/* Banded Cholesky, band of 4: the normal equations of a cubic spline. */
static void solve_band(double (*a)[4], double *x, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = i < 3 ? i : 3; k > 0; k--) {
			double sum = a[i][k];

			for (unsigned m = k + 1; m <= 3 && m <= i; m++)
				sum -= a[i][m] * a[i - k][m - k];
			a[i][k] = sum / a[i - k][0];
		}
		double d = a[i][0];

		for (unsigned k = 1; k <= 3 && k <= i; k++)
			d -= a[i][k] * a[i][k];
		a[i][0] = sqrt(fmax(d, 1e-300));
		for (unsigned k = 1; k <= 3 && k <= i; k++)
			x[i] -= a[i][k] * x[i - k];
		x[i] /= a[i][0];
	}
	for (unsigned i = n; i-- > 0;) {
		x[i] /= a[i][0];
		for (unsigned k = 1; k <= 3 && k <= i; k++)
			x[i - k] -= a[i][k] * x[i];
	}
}

/* As near as noise and scatter allow: noise adds count pi^2 sigma^2 / (3 weight knot^3) to the sum of g'^2, and widths
 * that scatter blur the feet anyway. */
static double choose_knot(const struct pulse *pulse, double weight, double sigma)
{
	double knot = pulse->coarse, widest = pulse->coarse * KNOTS_PER_PERIOD / KNOTS_IN_NOISE;

	if (pulse->ready) {
		double cube = M_PI * M_PI / 3.0 * pulse->table.count * sigma * sigma /
			      (weight * SLOPE_NOISE * pulse->slope_energy);

		knot = fmin(knot, fmax(KNOT_MIN, pulse->table.count * pulse->width_sd));
		knot = fmax(knot, fmin(widest, cbrt(cube)));
	}
	return fmax(knot, (2.0 * pulse->half + 2.0) / PULSE_KNOTS);
}

static void fit_spline(struct pulse *pulse, double weight, double sigma)
{
	double a[PULSE_KNOTS + 4][4], b[4], db[4], u;
	struct spline *s = &pulse->spline;
	unsigned n = 2 * pulse->half + 1;

	memset(a, 0, sizeof(a));
	memset(s->coef, 0, sizeof(s->coef));
	s->knot = choose_knot(pulse, weight, sigma);
	s->coefs = (unsigned)ceil((2.0 * pulse->half + 2.0) / s->knot) + 3;
	if (s->coefs > PULSE_KNOTS + 4)
		s->coefs = PULSE_KNOTS + 4;
	for (unsigned row = 0; row < PULSE_ROWS; row++) {
		const double *fold = pulse->fold.sum + row * row_len(pulse);
		double w = pulse->fold.weight[row];

		for (unsigned i = 0; w > 0.0 && i < n; i++) {
			unsigned j = locate(s, (double)i + 1.0 - (double)row / PULSE_ROWS, &u);

			basis(u, b, db);
			for (unsigned k = 0; k < 4; k++) {
				s->coef[j + k] += b[k] * fold[i];
				for (unsigned m = 0; m <= k; m++)
					a[j + k][k - m] += w * b[k] * b[m];
			}
		}
	}
	for (unsigned i = 0; i < s->coefs; i++)
		a[i][0] += 1e-9 * weight;
	solve_band(a, s->coef, s->coefs);
}

/* Solves the n x n system in place by elimination with pivoting; false when singular. */
static bool solve_small(double *a, double *b, unsigned n)
{
	for (unsigned c = 0; c < n; c++) {
		unsigned p = c;

		for (unsigned r = c + 1; r < n; r++)
			p = fabs(a[r * n + c]) > fabs(a[p * n + c]) ? r : p;
		if (fabs(a[p * n + c]) < 1e-14)
			return false;
		for (unsigned k = 0; k < n; k++) {
			double t = a[c * n + k];

			a[c * n + k] = a[p * n + k];
			a[p * n + k] = t;
		}
		double t = b[c];

		b[c] = b[p];
		b[p] = t;
		for (unsigned r = c + 1; r < n; r++) {
			double f = a[r * n + c] / a[c * n + c];

			for (unsigned k = c; k < n; k++)
				a[r * n + k] -= f * a[c * n + k];
			b[r] -= f * b[c];
		}
	}
	for (unsigned c = n; c-- > 0;) {
		for (unsigned k = c + 1; k < n; k++)
			b[c] -= a[c * n + k] * b[k];
		b[c] /= a[c * n + c];
	}
	return true;
}

/* A maximum, and the part about it that it was taken from. */
struct peak {
	double at, value, from, width;
};

/* The maximum by a polynomial of sixth degree over the part above 0.6 of it: a knot's noise does not pass into the
 * height. */
static bool peak_fit(const struct pulse *pulse, double rough, double top, struct peak *ret)
{
	enum { N = 7, STEPS = 128 };
	double lo = rough, hi = rough, slope, a[N * N] = {0}, b[N] = {0};

	while (lo > -(double)pulse->half && shape_at(pulse, lo, &slope) > 0.6 * top)
		lo -= 0.25;
	while (hi < (double)pulse->half && shape_at(pulse, hi, &slope) > 0.6 * top)
		hi += 0.25;
	double centre = 0.5 * (lo + hi), span = 0.5 * (hi - lo);

	for (unsigned i = 0; i <= STEPS; i++) {
		double v = 2.0 * i / STEPS - 1.0, power[N] = {1.0}, g = shape_at(pulse, centre + v * span, &slope);

		for (unsigned k = 1; k < N; k++)
			power[k] = power[k - 1] * v;
		for (unsigned r = 0; r < N; r++) {
			b[r] += power[r] * g;
			for (unsigned c = 0; c < N; c++)
				a[r * N + c] += power[r] * power[c];
		}
	}
	if (!solve_small(a, b, N))
		return false;

	double best = -INFINITY, best_v = 0.0;

	for (int i = -700; i <= 700; i++) {
		double v = i / 1000.0, g = b[6];

		for (unsigned k = 6; k-- > 0;)
			g = g * v + b[k];
		if (g > best) {
			best = g;
			best_v = v;
		}
	}
	*ret = (struct peak){.at = centre + best_v * span, .value = best, .from = lo, .width = hi - lo};
	return best > 0.0;
}

static void invert3(const double m[3][3], double r[3][3])
{
	double c0 = m[1][1] * m[2][2] - m[1][2] * m[2][1], c1 = m[1][2] * m[2][0] - m[1][0] * m[2][2],
	       c2 = m[1][0] * m[2][1] - m[1][1] * m[2][0];
	double det = m[0][0] * c0 + m[0][1] * c1 + m[0][2] * c2;

	r[0][0] = c0 / det;
	r[1][0] = c1 / det;
	r[2][0] = c2 / det;
	r[0][1] = (m[0][2] * m[2][1] - m[0][1] * m[2][2]) / det;
	r[1][1] = (m[0][0] * m[2][2] - m[0][2] * m[2][0]) / det;
	r[2][1] = (m[0][1] * m[2][0] - m[0][0] * m[2][1]) / det;
	r[0][2] = (m[0][1] * m[1][2] - m[0][2] * m[1][1]) / det;
	r[1][2] = (m[0][2] * m[1][0] - m[0][0] * m[1][2]) / det;
	r[2][2] = (m[0][0] * m[1][1] - m[0][1] * m[1][0]) / det;
}

/* Weights that give the polynomial's value at the maximum from samples at whole tau over the cap. */
static void weigh_cap(struct pulse *pulse, double width)
{
	enum { N = 7 };
	double a[N * N] = {0}, want[N], lo = pulse->cap.from, span = 0.5 * width;

	pulse->cap.lo = (int)ceil(lo);
	pulse->cap.count = (unsigned)fmax(0.0, fmin(PULSE_CAP, floor(lo + width) - ceil(lo) + 1.0));
	for (unsigned i = 0; i < pulse->cap.count; i++) {
		double v = (pulse->cap.lo + (double)i - lo) / span - 1.0;

		for (unsigned r = 0; r < N * N; r++)
			a[r] += pow(v, r / N + r % N);
	}
	for (unsigned r = 0; r < N; r++)
		want[r] = pow((pulse->peak_at - lo) / span - 1.0, r);
	if (pulse->cap.count < N || !solve_small(a, want, N))
		pulse->cap.count = 0;
	pulse->cap.variance = pulse->cap.count ? 0.0 : SEXTIC_VARIANCE / width;
	for (unsigned i = 0; i < pulse->cap.count; i++) {
		double v = (pulse->cap.lo + (double)i - lo) / span - 1.0, sum = want[N - 1];

		for (unsigned r = N - 1; r-- > 0;)
			sum = sum * v + want[r];
		pulse->cap.weight[i] = (float)sum;
		pulse->cap.variance += sum * sum;
	}
}

/* The noise of the strokes folded is in their own fits, too; what is left stands in the template alone. */
double pulse_peak_variance(const struct pulse *pulse, double width_weight)
{
	double fixed = pulse->table.gram_inv2[0][0][0], free = pulse->table.gram_inv3[0][0][0];
	double own = fixed + width_weight * width_weight * (free - fixed);

	return fmax(0.0, pulse->cap.variance - own) / pulse->weight;
}

void pulse_set_origin(struct pulse *pulse)
{
	pulse->origin.spline = pulse->spline;
	pulse->origin.peak = pulse->peak_at;
	pulse->origin.known = true;
}

/* Where the first template's maximum lies on the axis of the one at hand: this one, fitted by the first. */
double pulse_origin(const struct pulse *pulse)
{
	double gram[3][3] = {{0}}, inverse[3][3], dot[3] = {0}, out[2] = {0}, slope, unused;

	if (!pulse->origin.known)
		return pulse->peak_at;
	for (unsigned i = 0; i < pulse->table.count; i++) {
		double tau = (double)(pulse->table.first + i) - pulse->half, s[3];

		s[0] = spline_at(&pulse->origin.spline, tau + pulse->half + 1.0, &slope);
		s[1] = slope;
		s[2] = (tau - pulse->origin.peak) * slope;
		for (unsigned r = 0; r < 3; r++) {
			dot[r] += s[r] * shape_at(pulse, tau, &unused);
			for (unsigned c = 0; c < 3; c++)
				gram[r][c] += s[r] * s[c];
		}
	}
	invert3((const double(*)[3])gram, inverse);
	for (unsigned r = 0; r < 2; r++)
		out[r] = inverse[r][0] * dot[0] + inverse[r][1] * dot[1] + inverse[r][2] * dot[2];
	return pulse->origin.peak - out[1] / out[0];
}

double pulse_cap(const struct pulse *pulse, const float *x, double x0, double at)
{
	const float *from = x + lround(at - x0) + pulse->cap.lo;
	double sum = 0.0;

	for (unsigned i = 0; i < pulse->cap.count; i++)
		sum += (double)(pulse->cap.weight[i] * from[i]);
	return sum;
}

static void find_support(struct pulse *pulse, double period, double noise)
{
	double edge = fmax(0.003, 3.0 * noise), margin = 0.01 * period + 1.0, slope;
	double lo = pulse->peak_at, hi = lo;

	while (lo > -(double)pulse->half && shape_at(pulse, lo, &slope) > edge)
		lo -= 0.25;
	while (hi < (double)pulse->half && shape_at(pulse, hi, &slope) > edge)
		hi += 0.25;
	pulse->support_lo = lo;
	pulse->support_hi = hi;
	pulse->gap.lo = hi + margin;
	pulse->gap.hi = margin - lo;
	pulse->gap.share = (period - pulse->gap.lo - pulse->gap.hi) / period;
	pulse->gap.natural = pulse->gap.share >= GAP_SHARE_MIN;
	if (!pulse->gap.natural) {
		double excess = 0.5 * (GAP_SHARE_MIN - pulse->gap.share) * period;

		pulse->gap.lo -= excess;
		pulse->gap.hi -= excess;
		pulse->gap.share = GAP_SHARE_MIN;
	}
}

#define WIDTHS     5
#define WIDTH_STEP 0.03
#define WIDTH_MAX  0.12

/* Polynomial of fourth degree through the values at -2, -1, 0, 1, 2 steps. */
static void through_five(const double y[WIDTHS], double c[WIDTHS])
{
	const double h = WIDTH_STEP;

	c[0] = y[2];
	c[1] = (y[0] - 8.0 * y[1] + 8.0 * y[3] - y[4]) / (12.0 * h);
	c[2] = (-y[0] + 16.0 * y[1] - 30.0 * y[2] + 16.0 * y[3] - y[4]) / (24.0 * h * h);
	c[3] = (-y[0] + 2.0 * y[1] - 2.0 * y[3] + y[4]) / (12.0 * h * h * h);
	c[4] = (y[0] - 4.0 * y[1] + 6.0 * y[2] - 4.0 * y[3] + y[4]) / (24.0 * h * h * h * h);
}

/* The template is the mean of pulses whose widths scatter with this variance: powers of delta become Hermite's. */
static double blurred_quartic(const double c[WIDTHS], double x, double variance, double *ret_slope)
{
	double v = variance, x2 = x * x;

	*ret_slope = c[1] + 2.0 * c[2] * x + 3.0 * c[3] * (x2 - v) + 4.0 * c[4] * x * (x2 - 3.0 * v);
	return c[0] + c[1] * x + c[2] * (x2 - v) + c[3] * x * (x2 - 3.0 * v) +
	       c[4] * (x2 * (x2 - 6.0 * v) + 3.0 * v * v);
}

/* What the fit makes of the template itself, wider by delta: height and width as polynomials of delta, through the
 * values at five widths. The fit is exact to first order, hence 1 + 0 delta + ... and delta + ... */
static void fit_widths(struct pulse *pulse)
{
	double height[WIDTHS], width[WIDTHS], slope;

	for (int k = 0; k < WIDTHS; k++) {
		double delta = (k - WIDTHS / 2) * WIDTH_STEP, dot[3] = {0}, out[3] = {0};

		for (unsigned i = 0; i < pulse->table.count; i++) {
			double tau = (double)(pulse->table.first + i) - pulse->half;
			double g = shape_at(pulse, pulse->peak_at + (tau - pulse->peak_at) / (1.0 + delta), &slope);

			for (unsigned r = 0; r < 3; r++)
				dot[r] += g * pulse->table.shape[r][i];
		}
		for (unsigned r = 0; r < 3; r++) {
			for (unsigned c = 0; c < 3; c++)
				out[r] += pulse->table.gram_inv3[0][r][c] * dot[c];
		}
		height[k] = out[0];
		width[k] = -out[2] / out[0];
	}
	through_five(height, pulse->height_of);
	through_five(width, pulse->width_of);
}

/* Widening that the fit shows as `width`, and what the fit's height is then too large by, as a factor. */
double pulse_widened(const struct pulse *pulse, double width, double variance)
{
	double delta = fmax(-WIDTH_MAX, fmin(WIDTH_MAX, width)), slope;

	for (unsigned i = 0; i < 4; i++) {
		double off = blurred_quartic(pulse->width_of, delta, variance, &slope) - width;

		if (!(slope > 0.3))
			break;
		delta = fmax(-WIDTH_MAX, fmin(WIDTH_MAX, delta - off / slope));
	}
	return blurred_quartic(pulse->height_of, delta, variance, &slope);
}

static void tabulate(struct pulse *pulse)
{
	double lo = fmax(-(double)pulse->half, floor(pulse->support_lo) - 1.0);
	double hi = fmin((double)pulse->half, ceil(pulse->support_hi) + 1.0);

	pulse->table.first = (unsigned)(lo + pulse->half);
	pulse->table.count = (unsigned)(hi - lo) + 1;
	for (unsigned phase = 0; phase < PULSE_PHASES; phase++) {
		double gram[3][3] = {{0}}, s[3];

		memset(pulse->table.shape_sum[phase], 0, sizeof(pulse->table.shape_sum[phase]));
		for (unsigned i = 0; i < pulse->table.count; i++) {
			double tau = lo + i - (double)phase / PULSE_PHASES;
			size_t at = phase * row_len(pulse) + i;

			s[0] = shape_at(pulse, tau, &s[1]);
			s[2] = (tau - pulse->peak_at) * s[1];
			for (unsigned r = 0; r < 3; r++) {
				pulse->table.shape[r][at] = s[r];
				pulse->table.shape_sum[phase][r] += s[r];
				for (unsigned c = 0; c < 3; c++)
					gram[r][c] += s[r] * s[c];
			}
		}
		double det = gram[0][0] * gram[1][1] - gram[0][1] * gram[0][1];

		pulse->slope_energy = gram[1][1];
		invert3((const double(*)[3])gram, pulse->table.gram_inv3[phase]);
		pulse->table.gram_inv2[phase][0][0] = gram[1][1] / det;
		pulse->table.gram_inv2[phase][1][1] = gram[0][0] / det;
		pulse->table.gram_inv2[phase][0][1] = pulse->table.gram_inv2[phase][1][0] = -gram[0][1] / det;
	}
}

double pulse_shape(const struct pulse *pulse, double tau, double *ret_stretch)
{
	double lo = (double)pulse->table.first - pulse->half, hi = lo + pulse->table.count - 1.0, slope, g;

	*ret_stretch = 0.0;
	if (tau < fmin(lo, -pulse->gap.hi) || tau > fmax(hi, pulse->gap.lo))
		return 0.0;
	g = shape_at(pulse, tau, &slope);
	*ret_stretch = (tau - pulse->peak_at) * slope;
	return g;
}

void pulse_integrals(const struct pulse *pulse, double *ret_area, double *ret_energy)
{
	double area = 0.0, energy = 0.0, stretch;

	for (long i = -(long)pulse->half * PULSE_PHASES; i <= (long)pulse->half * PULSE_PHASES; i++) {
		double g = pulse_shape(pulse, (double)i / PULSE_PHASES, &stretch);

		area += g;
		energy += g * g;
	}
	*ret_area = area / PULSE_PHASES;
	*ret_energy = energy / PULSE_PHASES;
}

/* (14), as a share of what the slope is without. */
static void note_slope_noise(struct pulse *pulse, double weight, double sigma)
{
	double noise = M_PI * M_PI / 3.0 * pulse->table.count * sigma * sigma / (weight * pow(pulse->spline.knot, 3.0));

	pulse->slope_noise = fmin(1.0, noise / fmax(1e-300, pulse->slope_energy - noise));
	if (!(noise < pulse->slope_energy))
		pulse->slope_noise = 1.0;
}

bool pulse_build(struct pulse *pulse, double period, double sigma, bool recentre, double *ret_shift)
{
	double top = -INFINITY, rough = 0.0, weight = 0.0, slope;
	struct peak peak;

	for (unsigned row = 0; row < PULSE_ROWS; row++)
		weight += pulse->fold.weight[row];
	fit_spline(pulse, weight, sigma);
	for (double tau = -(double)pulse->half; tau <= pulse->half; tau += 0.25) {
		double g = shape_at(pulse, tau, &slope);

		if (g > top) {
			top = g;
			rough = tau;
		}
	}
	pulse->ready = false;
	if (!(top > 0.0) || !peak_fit(pulse, rough, top, &peak))
		return false;
	pulse->peak_at = peak.at;
	pulse->cap.from = peak.from;
	for (unsigned i = 0; i < pulse->spline.coefs; i++)
		pulse->spline.coef[i] /= peak.value;
	find_support(pulse, period, sigma / (peak.value * sqrt(weight * pulse->spline.knot)));
	if (pulse->support_hi - pulse->support_lo < 3.0)
		return false;
	tabulate(pulse);
	fit_widths(pulse);
	weigh_cap(pulse, peak.width);
	note_slope_noise(pulse, weight, sigma / peak.value);
	pulse->weight = weight;
	pulse->ready = true;
	pulse->fold.built_from = pulse->fold.strokes;
	pulse->builds++;
	*ret_shift = recentre ? pulse->peak_at : 0.0;
	return true;
}

void pulse_response(const struct pulse *pulse, double w, double *ret_height, double *ret_height2)
{
	double dot[3] = {0};

	for (unsigned i = 0; i < pulse->table.count; i++) {
		double c = cos(w * ((double)(pulse->table.first + i) - pulse->half - pulse->peak_at));

		for (unsigned k = 0; k < 3; k++)
			dot[k] += c * pulse->table.shape[k][i];
	}
	*ret_height = *ret_height2 = 0.0;
	for (unsigned k = 0; k < 3; k++)
		*ret_height += pulse->table.gram_inv3[0][0][k] * dot[k];
	for (unsigned k = 0; k < 2; k++)
		*ret_height2 += pulse->table.gram_inv2[0][0][k] * dot[k];
}

#define LANES 8

/* Inner products of samples with the template's shapes, one pass over the samples; lanes are explicit so that every
 * compiler adds in the same order. */
VECTOR_CLONES static void products(const struct pulse *pulse, const float *x, unsigned phase, double *ret)
{
	const double *g = pulse->table.shape[0] + phase * row_len(pulse),
		     *d = pulse->table.shape[1] + phase * row_len(pulse),
		     *w = pulse->table.shape[2] + phase * row_len(pulse);
	double sg[LANES] = {0}, sd[LANES] = {0}, sw[LANES] = {0};
	unsigned i = 0;

	for (; i + LANES <= pulse->table.count; i += LANES) {
		for (unsigned k = 0; k < LANES; k++) {
			double v = x[i + k];

			sg[k] += v * g[i + k];
			sd[k] += v * d[i + k];
			sw[k] += v * w[i + k];
		}
	}
	for (unsigned k = 0; i < pulse->table.count; i++, k++) {
		double v = x[i];

		sg[k] += v * g[i];
		sd[k] += v * d[i];
		sw[k] += v * w[i];
	}
	memset(ret, 0, 3 * sizeof(*ret));
	for (unsigned k = 0; k < LANES; k++) {
		ret[0] += sg[k];
		ret[1] += sd[k];
		ret[2] += sw[k];
	}
}

VECTOR_CLONES static double squares(const float *x, unsigned n)
{
	double lane[LANES] = {0}, sum = 0.0;
	unsigned i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (unsigned k = 0; k < LANES; k++)
			lane[k] += (double)x[i + k] * (double)x[i + k];
	}
	for (; i < n; i++)
		lane[0] += (double)x[i] * (double)x[i];
	for (unsigned k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

/* Samples to search in: x[0] stands at axis position x0, and `level` is taken off each. */
struct field {
	const float *x;
	double x0, level;
};

/* What one step finds: coefficients of the three shapes at a place on the table's grid, and the samples behind it; and
 * where the next step would look, which is the place found. */
struct found {
	unsigned phase;
	const float *x;
	double dot[3], height, shift, width;
	double at;
};

/* Where the next step looks. In much noise a Gauss-Newton step is too long by more than its own length, and comes back by
 * the next one for ever: between two that point at each other, the place is where a straight line makes none of them. */
static double next_place(double grid, double go, double last_grid, double last_go)
{
	if (!(go * last_go < 0.0) || (grid - last_grid) * last_go < 0.0)
		return grid + go;
	return grid + go * (grid - last_grid) / (last_go - go);
}

/* Gauss-Newton on the table's grid until a step is no longer than `near`. */
static bool search(const struct pulse *pulse, const struct field *field, double start, double near, struct found *ret)
{
	double at = start, base, reach = 0.35 * (pulse->support_hi - pulse->support_lo);
	double last_grid = start, last_go = 0.0;

	for (unsigned step = 0; step < FIT_STEPS; step++) {
		split(at, PULSE_PHASES, &base, &ret->phase);
		ret->x = field->x + (long)(base - field->x0) - pulse->half + pulse->table.first;
		products(pulse, ret->x, ret->phase, ret->dot);
		for (unsigned r = 0; r < 3; r++)
			ret->dot[r] -= field->level * pulse->table.shape_sum[ret->phase][r];

		const double(*m)[3] = (const double(*)[3])pulse->table.gram_inv3[ret->phase], *dot = ret->dot;

		ret->height = m[0][0] * dot[0] + m[0][1] * dot[1] + m[0][2] * dot[2];
		ret->shift = m[1][0] * dot[0] + m[1][1] * dot[1] + m[1][2] * dot[2];
		ret->width = m[2][0] * dot[0] + m[2][1] * dot[1] + m[2][2] * dot[2];
		if (!(ret->height > 0.0))
			return false;
		double grid = base + (double)ret->phase / PULSE_PHASES;

		double go = -fmax(-0.3 * reach, fmin(0.3 * reach, ret->shift / ret->height));

		at = next_place(grid, go, step < STEPS_FREE ? 0.0 : last_grid, step < STEPS_FREE ? 0.0 : last_go);
		if (fabs(at - start) > reach)
			return false;
		last_grid = grid;
		last_go = go;
		if (fabs(at - grid) > near)
			continue;
		ret->at = at;
		return true;
	}
	return false;
}

bool pulse_place(const struct pulse *pulse, const float *x, double x0, double start, double level, double *ret_at)
{
	const struct field field = {.x = x, .x0 = x0, .level = level};
	struct found found;

	if (!search(pulse, &field, start, PLACE_NEAR, &found))
		return false;
	*ret_at = found.at;
	return true;
}

bool pulse_fit(const struct pulse *pulse, const float *x, double x0, double start, struct pulse_fit *ret)
{
	const struct field field = {.x = x, .x0 = x0};
	struct found f;

	if (!search(pulse, &field, start, 0.75 / PULSE_PHASES, &f))
		return false;
	const double(*m)[3] = (const double(*)[3])pulse->table.gram_inv3[f.phase];
	const double(*m2)[2] = (const double(*)[2])pulse->table.gram_inv2[f.phase];
	double height2 = m2[0][0] * f.dot[0] + m2[0][1] * f.dot[1];
	double rest = squares(f.x, pulse->table.count) - f.height * f.dot[0] - f.shift * f.dot[1] - f.width * f.dot[2];

	if (!(height2 > 0.0))
		return false;
	*ret = (struct pulse_fit){.at = f.at,
				  .height = f.height,
				  .height2 = height2,
				  .width = -f.width / f.height,
				  .rms = sqrt(fmax(0.0, rest) / fmax(1.0, pulse->table.count - 3.0)),
				  .u_height_rel = sqrt(m[0][0]),
				  .u_width_rel = sqrt(m[2][2])};
	return true;
}
