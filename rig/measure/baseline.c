/* Baseline and hum by an extended Kalman filter in information form. Derivation: docs/method.md, "Baseline". */
#include "rig/measure/baseline.h"

#include <math.h>
#include <string.h>

#include "rig/measure/clones.h"

#define COINCIDENT_HZ   0.5
#define HARMONICS       5
#define HUM_PRIOR_N     0.05
#define DETUNE_PRIOR_HZ 0.12
#define DETUNE_WALK_HZ  0.01 /* per square root of a second */
#define HUM_MEMORY_S    30.0
#define SLOPE_PRIOR_N_S 0.2
#define BEND_PRIOR_N    0.02
#define LEVEL_WALK_N    0.05
#define DETUNE          (BASELINE_HUM - 1)

double baseline_line_hz(const struct baseline *bl, unsigned i)
{
	return bl->nominal_hz[i] + bl->multiple[i] * bl->detune_hz;
}

void baseline_init(struct baseline *bl, double fs_hz, double mains_hz, unsigned segment)
{
	*bl = (struct baseline){.fs_hz = fs_hz, .segment = segment, .level = NAN};
	for (unsigned m = 1; m <= HARMONICS && m * mains_hz < 0.4 * fs_hz; m++) {
		bl->nominal_hz[bl->lines] = m * mains_hz;
		bl->multiple[bl->lines++] = m;
	}
	if (mains_hz == 50.0 || mains_hz == 60.0)
		bl->nominal_hz[bl->lines++] = 110.0 - mains_hz;
	for (unsigned i = 0; i < bl->lines; i++) {
		bl->active[i] = true;
		bl->hum_cov[2 * i][2 * i] = bl->hum_cov[2 * i + 1][2 * i + 1] = HUM_PRIOR_N * HUM_PRIOR_N;
	}
	bl->hum_cov[DETUNE][DETUNE] = DETUNE_PRIOR_HZ * DETUNE_PRIOR_HZ;
}

void baseline_set_strokes(struct baseline *bl, double rate_hz, double gap_share)
{
	for (unsigned i = 0; i < bl->lines; i++) {
		double order = baseline_line_hz(bl, i) / rate_hz, nearest = fmax(1.0, round(order));
		bool coincident = fabs(order - nearest) * rate_hz < COINCIDENT_HZ;

		bl->active[i] = !coincident || nearest * gap_share >= 0.5;
	}
}

/* In-place Cholesky solution of a x = b and inverse of a; n <= BASELINE_STATES. a is positive definite by its priors.
 */
static void invert(double a[BASELINE_STATES][BASELINE_STATES], unsigned n)
{
	double l[BASELINE_STATES][BASELINE_STATES] = {{0}}, inv[BASELINE_STATES][BASELINE_STATES] = {{0}};

	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j <= i; j++) {
			double sum = a[i][j];

			for (unsigned k = 0; k < j; k++)
				sum -= l[i][k] * l[j][k];
			l[i][j] = i == j ? sqrt(fmax(sum, 1e-300)) : sum / l[j][j];
		}
	}
	for (unsigned c = 0; c < n; c++) {
		for (unsigned i = c; i < n; i++) {
			double sum = i == c;

			for (unsigned k = c; k < i; k++)
				sum -= l[i][k] * inv[k][c];
			inv[i][c] = sum / l[i][i];
		}
	}
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < n; j++) {
			double sum = 0.0;

			for (unsigned k = i > j ? i : j; k < n; k++)
				sum += inv[k][i] * inv[k][j];
			a[i][j] = sum;
		}
	}
}

static void add_priors(struct baseline *bl)
{
	double info[BASELINE_STATES][BASELINE_STATES];
	double half_s = 0.5 * bl->len / bl->fs_hz, slope = SLOPE_PRIOR_N_S * half_s;

	memset(info, 0, sizeof(info));
	for (unsigned i = 0; i < BASELINE_HUM; i++) {
		memcpy(info[i], bl->hum_cov[i], sizeof(bl->hum_cov[i]));
		if (info[i][i] <= 0.0)
			info[i][i] = 1e-18; /* unused line: held at zero */
	}
	invert(info, BASELINE_HUM);
	for (unsigned i = 0; i < BASELINE_HUM; i++) {
		for (unsigned j = 0; j < BASELINE_HUM; j++)
			bl->a[3 + i][3 + j] = info[i][j];
	}
	bl->a[0][0] = isfinite(bl->level) ? 1.0 / (LEVEL_WALK_N * LEVEL_WALK_N) : 1e-6;
	bl->b[0] = isfinite(bl->level) ? bl->a[0][0] * bl->level : 0.0;
	bl->a[1][1] = 1.0 / (slope * slope);
	bl->a[2][2] = 1.0 / (BEND_PRIOR_N * BEND_PRIOR_N);
}

void baseline_begin(struct baseline *bl, unsigned len, double sigma2)
{
	memset(bl->a, 0, sizeof(bl->a));
	memset(bl->b, 0, sizeof(bl->b));
	bl->len = len;
	bl->sigma2 = fmax(sigma2, 1e-14);
	bl->yy = 0.0;
	bl->samples = bl->observations = 0;
	add_priors(bl);
	if (isfinite(bl->level))
		bl->yy = bl->b[0] * bl->level;
}

struct lines {
	double c[BASELINE_LINES], s[BASELINE_LINES]; /* means over one observation */
	double turn_c[BASELINE_LINES], turn_s[BASELINE_LINES];
};

/* Cosine and sine of each line averaged over n samples centred k after the start, and the turn from one such run to the
 * next. */
static void lines_at(const struct baseline *bl, double k, unsigned n, struct lines *ret)
{
	for (unsigned i = 0; i < bl->lines; i++) {
		double w = 2.0 * M_PI * baseline_line_hz(bl, i) / bl->fs_hz, phase = bl->phase[i] + w * k;
		double mean = n > 1 ? sin(0.5 * n * w) / (n * sin(0.5 * w)) : 1.0;

		mean = bl->active[i] ? mean : 0.0;
		ret->c[i] = mean * cos(phase);
		ret->s[i] = mean * sin(phase);
		ret->turn_c[i] = cos(w * n);
		ret->turn_s[i] = sin(w * n);
	}
}

static void lines_turn(const struct baseline *bl, struct lines *lines)
{
	for (unsigned i = 0; i < bl->lines; i++) {
		double c = lines->c[i] * lines->turn_c[i] - lines->s[i] * lines->turn_s[i];

		lines->s[i] = lines->s[i] * lines->turn_c[i] + lines->c[i] * lines->turn_s[i];
		lines->c[i] = c;
	}
}

/* One observation: the mean of n samples whose centre lies k samples after the start. The hum enters by its deviation
 * from the prior mean, so that the frequency column is linear about it. */
static void observe(struct baseline *bl, double y, double k, unsigned n, const struct lines *lines)
{
	double h[BASELINE_STATES] = {0}, u = 2.0 * k / bl->len - 1.0, weight = n / bl->sigma2;

	h[0] = 1.0;
	h[1] = u;
	h[2] = u * u;
	for (unsigned i = 0; i < bl->lines; i++) {
		double c = lines->c[i], s = lines->s[i];

		h[3 + 2 * i] = c;
		h[4 + 2 * i] = s;
		y -= bl->hum[2 * i] * c + bl->hum[2 * i + 1] * s;
		h[3 + DETUNE] +=
			2.0 * M_PI * bl->multiple[i] * k / bl->fs_hz * (bl->hum[2 * i + 1] * c - bl->hum[2 * i] * s);
	}
	for (unsigned i = 0; i < BASELINE_STATES; i++) {
		double hw = h[i] * weight;

		bl->b[i] += hw * y;
		for (unsigned j = 0; j <= i; j++)
			bl->a[i][j] += hw * h[j];
	}
	bl->yy += weight * y * y;
	bl->samples += n;
	bl->observations++;
}

static double mean_of(const float *x, unsigned n)
{
	double sum = 0.0;

	for (unsigned i = 0; i < n; i++)
		sum += x[i];
	return sum / n;
}

void baseline_add(struct baseline *bl, const float *x, long k0, unsigned n)
{
	unsigned run = bl->segment, at = 0;
	struct lines lines;

	if (n >= run)
		lines_at(bl, (double)k0 + 0.5 * (run - 1), run, &lines);
	for (; at + run <= n; at += run) {
		observe(bl, mean_of(x + at, run), (double)k0 + at + 0.5 * (run - 1), run, &lines);
		lines_turn(bl, &lines);
	}
	if (at == n)
		return;
	double centre = (double)k0 + at + 0.5 * (n - at - 1);

	lines_at(bl, centre, n - at, &lines);
	observe(bl, mean_of(x + at, n - at), centre, n - at, &lines);
}

/* Weighted residual per observation replaces the assumed variance: it holds what is coloured in the noise, too. */
static void take_variance(struct baseline *bl, const double *x, const double *b)
{
	double chi2 = bl->yy;

	if (bl->observations < 2 * BASELINE_STATES)
		return;
	for (unsigned i = 0; i < BASELINE_STATES; i++)
		chi2 -= x[i] * b[i];
	if (chi2 > 0.0)
		bl->sigma2 *= chi2 / (double)(bl->observations - BASELINE_STATES / 2);
}

void baseline_solve(struct baseline *bl)
{
	double x[BASELINE_STATES] = {0};

	for (unsigned i = 0; i < BASELINE_STATES; i++) {
		for (unsigned j = i + 1; j < BASELINE_STATES; j++)
			bl->a[i][j] = bl->a[j][i];
	}
	invert(bl->a, BASELINE_STATES);
	for (unsigned i = 0; i < BASELINE_STATES; i++) {
		for (unsigned j = 0; j < BASELINE_STATES; j++)
			x[i] += bl->a[i][j] * bl->b[j];
	}
	memcpy(bl->poly, x, sizeof(bl->poly));
	bl->level_u = sqrt(bl->a[0][0]);
	bl->solved = true;
	for (unsigned i = 0; i < BASELINE_HUM; i++) {
		if (i != DETUNE)
			bl->hum[i] += x[3 + i];
		memcpy(bl->hum_cov[i], &bl->a[3 + i][3], sizeof(bl->hum_cov[i]));
	}
	bl->detune_hz = fmax(-0.5, fmin(0.5, bl->detune_hz + x[3 + DETUNE]));
	take_variance(bl, x, bl->b);
}

void baseline_predict(struct baseline *bl, unsigned len, double level)
{
	bl->len = len;
	bl->poly[0] = level;
	bl->poly[1] = bl->poly[2] = 0.0;
	bl->solved = false;
}

double baseline_level(const struct baseline *bl, long k)
{
	double u = 2.0 * (double)k / bl->len - 1.0;

	return bl->poly[0] + u * (bl->poly[1] + u * bl->poly[2]);
}

#define LANES  8
#define RESEED 512 /* the recurrence loses digits with the square of its length: 1e-13 of an amplitude here */

/* Pairs as gcc and clang know them on every target; each lane computes for itself. */
typedef double pair __attribute__((vector_size(2 * sizeof(double))));

union run {
	double at[RESEED];
	pair lanes[RESEED / 2];
};

/* Adds a line to n sums: x(k + LANES) = 2 cos(LANES w) x(k) - x(k - LANES) in each lane. */
static void add_line(union run *sum, unsigned n, double cosine, double sine, double w)
{
	double turn_c = cos(w), turn_s = sin(w), back_c = cos(LANES * w), back_s = sin(LANES * w);
	double first[LANES], before[LANES];

	for (unsigned lane = 0; lane < LANES; lane++) {
		double next = cosine * turn_c + sine * turn_s;

		first[lane] = cosine;
		before[lane] = cosine * back_c - sine * back_s;
		sine = sine * turn_c - cosine * turn_s;
		cosine = next;
	}
	pair a = {first[0], first[1]}, b = {first[2], first[3]}, c = {first[4], first[5]}, d = {first[6], first[7]};
	pair a0 = {before[0], before[1]}, b0 = {before[2], before[3]}, c0 = {before[4], before[5]},
	     d0 = {before[6], before[7]}, twice = {2.0 * back_c, 2.0 * back_c};

	for (unsigned k = 0; k < n; k += LANES) {
		pair *to = &sum->lanes[k / 2], a1 = twice * a - a0, b1 = twice * b - b0, c1 = twice * c - c0,
		     d1 = twice * d - d0;

		to[0] += a;
		to[1] += b;
		to[2] += c;
		to[3] += d;
		a0 = a, b0 = b, c0 = c, d0 = d;
		a = a1, b = b1, c = c1, d = d1;
	}
}

VECTOR_CLONES static void set_polynomial(double *restrict sum, const double *poly, double from, double step)
{
	for (unsigned k = 0; k < RESEED; k++) {
		double u = from + step * k;

		sum[k] = poly[0] + u * (poly[1] + u * poly[2]);
	}
}

VECTOR_CLONES static void subtract(const float *in, const double *sum, float *out, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		out[k] = (float)((double)in[k] - sum[k]);
}

/* Subtracts n <= RESEED samples, the first k0 after the start. */
static void flatten_run(const struct baseline *bl, const float *in, float *out, unsigned k0, unsigned n)
{
	union run sum;
	double step = 2.0 / bl->len;

	set_polynomial(sum.at, bl->poly, step * k0 - 1.0, step);
	for (unsigned i = 0; i < bl->lines; i++) {
		double w = 2.0 * M_PI * baseline_line_hz(bl, i) / bl->fs_hz, phase = bl->phase[i] + w * k0;
		double c = bl->hum[2 * i], s = bl->hum[2 * i + 1], pc = cos(phase), ps = sin(phase);

		/* c cos(phase + j w) + s sin(phase + j w) = C cos(j w) + S sin(j w) */
		if (bl->active[i])
			add_line(&sum, n, c * pc + s * ps, s * pc - c * ps, w);
	}
	subtract(in, sum.at, out, n);
}

void baseline_flatten(const struct baseline *bl, const float *in, float *out, unsigned n)
{
	for (unsigned k = 0; k < n; k += RESEED)
		flatten_run(bl, in + k, out + k, k, n - k < RESEED ? n - k : RESEED);
}

void baseline_advance(struct baseline *bl)
{
	double seconds = bl->len / bl->fs_hz, grow = exp(seconds / HUM_MEMORY_S);

	bl->level = baseline_level(bl, bl->len);
	for (unsigned i = 0; i < bl->lines; i++)
		bl->phase[i] =
			fmod(bl->phase[i] + 2.0 * M_PI * baseline_line_hz(bl, i) / bl->fs_hz * bl->len, 2.0 * M_PI);
	for (unsigned i = 0; i < DETUNE; i++) {
		if (bl->hum_cov[i][i] * grow > HUM_PRIOR_N * HUM_PRIOR_N)
			continue;
		for (unsigned j = 0; j < BASELINE_HUM; j++) {
			bl->hum_cov[i][j] *= sqrt(grow);
			bl->hum_cov[j][i] *= sqrt(grow);
		}
	}
	bl->hum_cov[DETUNE][DETUNE] = fmin(bl->hum_cov[DETUNE][DETUNE] + DETUNE_WALK_HZ * DETUNE_WALK_HZ * seconds,
					   DETUNE_PRIOR_HZ * DETUNE_PRIOR_HZ);
}

void baseline_row(const struct baseline *bl, double k, double offset_gain, const double *gain, double *row)
{
	double u = 2.0 * k / bl->len - 1.0;

	row[0] += offset_gain;
	row[1] += offset_gain * u;
	row[2] += offset_gain * u * u;
	for (unsigned i = 0; i < bl->lines; i++) {
		double phase = bl->phase[i] + 2.0 * M_PI * baseline_line_hz(bl, i) / bl->fs_hz * k;

		row[3 + 2 * i] += gain[i] * cos(phase);
		row[4 + 2 * i] += gain[i] * sin(phase);
	}
}

double baseline_row_variance(const struct baseline *bl, const double *row)
{
	double sum = 0.0;

	if (!bl->solved)
		return row[0] * row[0] * LEVEL_WALK_N * LEVEL_WALK_N;
	for (unsigned i = 0; i < BASELINE_STATES; i++) {
		for (unsigned j = 0; j < BASELINE_STATES; j++)
			sum += row[i] * bl->a[i][j] * row[j];
	}
	return fmax(0.0, sum);
}

double baseline_amplitude(const struct baseline *bl, unsigned line)
{
	return hypot(bl->hum[2 * line], bl->hum[2 * line + 1]);
}
