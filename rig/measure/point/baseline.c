/* Baseline and hum by an extended Kalman filter in information form. Derivation: docs/method.md, "Baseline". */
#include "rig/measure/point/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"

#define COINCIDENT_HZ   0.5
#define HARMONICS       5
#define HUM_PRIOR_N     0.05
#define RUNS_PER_CYCLE  6.0 /* of the highest harmonic, at least; twice as many where a stretch is short */
#define RUNS_LONG       8
#define DETUNE_PRIOR_HZ 0.12
#define DETUNE_WALK_HZ  0.01 /* per square root of a second */
#define HUM_MEMORY_S    30.0
#define SLOPE_PRIOR_N_S 0.2
#define BEND_PRIOR_N    0.02
#define LEVEL_WALK_N    0.05
#define INSIGNIFICANT   4.0
#define DETUNE          (BASELINE_HUM - 1)

double baseline_line_hz(const struct baseline *bl, unsigned i)
{
	return bl->nominal_hz[i] + bl->multiple[i] * bl->detune_hz;
}

void baseline_init(struct baseline *bl, double fs_hz, double mains_hz)
{
	*bl = (struct baseline){.fs_hz = fs_hz, .level = NAN};
	bl->segment = (unsigned)fmax(1.0, fs_hz / (RUNS_PER_CYCLE * HARMONICS * mains_hz));
	for (unsigned m = 1; m <= HARMONICS && m * mains_hz < 0.4 * fs_hz; m++) {
		bl->nominal_hz[bl->lines] = m * mains_hz;
		bl->multiple[bl->lines++] = m;
	}
	if (mains_hz == 50.0 || mains_hz == 60.0)
		bl->nominal_hz[bl->lines++] = 110.0 - mains_hz;
	for (unsigned i = 0; i < bl->lines; i++) {
		bl->use[i] = LINE_ESTIMATED;
		bl->hum_cov[2 * i][2 * i] = bl->hum_cov[2 * i + 1][2 * i + 1] = HUM_PRIOR_N * HUM_PRIOR_N;
	}
	bl->hum_cov[DETUNE][DETUNE] = DETUNE_PRIOR_HZ * DETUNE_PRIOR_HZ;
}

double baseline_amplitude(const struct baseline *bl, unsigned line)
{
	return hypot(bl->hum[2 * line], bl->hum[2 * line + 1]);
}

double baseline_amplitude_u(const struct baseline *bl, unsigned line)
{
	return sqrt(bl->hum_cov[2 * line][2 * line] + bl->hum_cov[2 * line + 1][2 * line + 1]);
}

/* Removing it as predicted leaves less than it is. Never of the other mains' line: nobody tracks its frequency. */
static bool known(const struct baseline *bl, unsigned line)
{
	unsigned i = 2 * line;

	return bl->multiple[line] && sqrt(bl->hum_cov[i][i] + bl->hum_cov[i + 1][i + 1]) < baseline_amplitude(bl, line);
}

/* What stands within two standard deviations of nothing is left in: taken off, it would leave as much behind. */
static bool insignificant(const struct baseline *bl, unsigned line)
{
	unsigned i = 2 * line;
	double c = bl->hum[i], s = bl->hum[i + 1];

	return c * c + s * s < INSIGNIFICANT * (bl->hum_cov[i][i] + bl->hum_cov[i + 1][i + 1]);
}

void baseline_set_strokes(struct baseline *bl, double rate_hz, double gap_share)
{
	for (unsigned i = 0; i < bl->lines; i++) {
		double order = baseline_line_hz(bl, i) / rate_hz, nearest = fmax(1.0, round(order));
		bool coincident = fabs(order - nearest) * rate_hz < COINCIDENT_HZ;

		bl->use[i] = !coincident || nearest * gap_share >= 0.5 ? LINE_ESTIMATED
			     : known(bl, i)                            ? LINE_HELD
								       : LINE_LEFT;
	}
}

/* In-place inverse by Cholesky; n <= BASELINE_STATES. a is positive definite by its priors. */
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

struct turned {
	double c[BASELINE_LINES], s[BASELINE_LINES];
};

static void turn(struct turned *x, const double *c, const double *s)
{
	for (unsigned i = 0; i < BASELINE_LINES; i++) {
		double turned = x->c[i] * c[i] - x->s[i] * s[i];

		x->s[i] = x->s[i] * c[i] + x->c[i] * s[i];
		x->c[i] = turned;
	}
}

static void fill_digit(struct baseline_turns *t, unsigned digit, struct turned step, struct turned *ret_next)
{
	struct turned at = {.s = {0}};

	for (unsigned i = 0; i < BASELINE_LINES; i++)
		at.c[i] = 1.0;
	for (unsigned d = 0; d < BASELINE_RADIX; d++) {
		memcpy(t->c[digit][d], at.c, sizeof(at.c));
		memcpy(t->s[digit][d], at.s, sizeof(at.s));
		turn(&at, step.c, step.s);
	}
	*ret_next = at;
}

static void fill_turns(struct baseline *bl)
{
	struct baseline_turns *t = &bl->turns;
	struct turned step = {.c = {0}};

	for (unsigned i = 0; i < bl->lines; i++) {
		double w = 2.0 * M_PI * baseline_line_hz(bl, i) / bl->fs_hz;

		sincos(w, &step.s[i], &step.c[i]);
		sincos(0.5 * w, &t->half_s[i], &t->half_c[i]);
		sincos(bl->phase[i], &t->start_s[i], &t->start_c[i]);
	}
	for (unsigned digit = 0; digit < BASELINE_DIGITS; digit++)
		fill_digit(t, digit, step, &step);
}

/* x turned by k samples, |k| < RADIX^3. */
static void turn_by(const struct baseline *bl, struct turned *x, long k)
{
	unsigned long rest = (unsigned long)labs(k);

	for (unsigned digit = 0; rest && digit < BASELINE_DIGITS; digit++, rest /= BASELINE_RADIX) {
		const double *c = bl->turns.c[digit][rest % BASELINE_RADIX],
			     *s = bl->turns.s[digit][rest % BASELINE_RADIX];
		double back[BASELINE_LINES];

		for (unsigned i = 0; i < BASELINE_LINES; i++)
			back[i] = k < 0 ? -s[i] : s[i];
		turn(x, c, back);
	}
}

/* The lines at sample k of the block. */
static struct turned lines_at(const struct baseline *bl, long k)
{
	struct turned x;

	memcpy(x.c, bl->turns.start_c, sizeof(x.c));
	memcpy(x.s, bl->turns.start_s, sizeof(x.s));
	turn_by(bl, &x, k);
	return x;
}

void baseline_begin(struct baseline *bl, unsigned len, double sigma2)
{
	memset(bl->a, 0, sizeof(bl->a));
	memset(bl->b, 0, sizeof(bl->b));
	bl->len = len;
	bl->sigma2 = fmax(sigma2, 1e-14);
	bl->yy = 0.0;
	bl->samples = bl->observations = 0;
	bl->batch.n = 0;
	add_priors(bl);
	if (isfinite(bl->level))
		bl->yy = bl->b[0] * bl->level;
	fill_turns(bl);
}

/* Means of the lines over runs of one length: of the run at hand, and the turn from one run to the next. */
struct runs {
	struct turned at, step;
};

static struct runs runs_from(const struct baseline *bl, long k0, unsigned len)
{
	const struct baseline_turns *t = &bl->turns;
	struct runs runs = {.at = lines_at(bl, k0 + (long)(len - 1) / 2)};
	struct turned half = {.s = {0}};

	for (unsigned i = 0; i < BASELINE_LINES; i++)
		runs.step.c[i] = half.c[i] = 1.0;
	memset(runs.step.s, 0, sizeof(runs.step.s));
	turn_by(bl, &runs.step, len);
	turn_by(bl, &half, len / 2);
	if (len % 2)
		turn(&half, t->half_c, t->half_s);
	else
		turn(&runs.at, t->half_c, t->half_s);
	for (unsigned i = 0; i < bl->lines; i++) {
		double mean = len > 1 ? half.s[i] / (len * t->half_s[i]) : 1.0;

		mean = bl->use[i] == LINE_LEFT ? 0.0 : mean;
		runs.at.c[i] *= mean;
		runs.at.s[i] *= mean;
	}
	return runs;
}

#define TILE 4

typedef double quad __attribute__((vector_size(TILE * sizeof(double)), aligned(sizeof(double))));

_Static_assert(BASELINE_STATES % TILE == 0, "the normal equations are added tile by tile");

/* a += sum of hw h' (tiles on and below the diagonal), b += sum of hw y. */
VECTOR_CLONES static void flush_batch(struct baseline *bl)
{
	struct baseline_batch *batch = &bl->batch;

	for (unsigned r = 0; r < BASELINE_STATES; r += TILE) {
		for (unsigned c = 0; c <= r; c += TILE) {
			quad s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

			for (unsigned o = 0; o < batch->n; o++) {
				const double *w = &batch->hw[o][r];
				quad h = *(const quad *)&batch->h[o][c];

				s0 += w[0] * h;
				s1 += w[1] * h;
				s2 += w[2] * h;
				s3 += w[3] * h;
			}
			*(quad *)&bl->a[r][c] += s0;
			*(quad *)&bl->a[r + 1][c] += s1;
			*(quad *)&bl->a[r + 2][c] += s2;
			*(quad *)&bl->a[r + 3][c] += s3;
		}
		for (unsigned o = 0; o < batch->n; o++)
			*(quad *)&bl->b[r] += batch->y[o] * *(const quad *)&batch->hw[o][r];
	}
	batch->n = 0;
}

/* One observation: the mean of n samples whose centre lies k samples after the start. The hum enters by its deviation
 * from the prior mean, so that the frequency column is linear about it. */
static inline __attribute__((always_inline)) void observe(struct baseline *bl, double y, double k, unsigned n,
							  const struct turned *lines)
{
	struct baseline_batch *batch = &bl->batch;
	double *h = batch->h[batch->n], *hw = batch->hw[batch->n];
	double u = 2.0 * k / bl->len - 1.0, weight = n / bl->sigma2, turned = 0.0;

	h[0] = 1.0;
	h[1] = u;
	h[2] = u * u;
	for (unsigned i = 0; i < BASELINE_LINES; i++) {
		double c = lines->c[i], s = lines->s[i];

		y -= bl->hum[2 * i] * c + bl->hum[2 * i + 1] * s;
		c = bl->use[i] == LINE_ESTIMATED ? c : 0.0;
		s = bl->use[i] == LINE_ESTIMATED ? s : 0.0;
		h[3 + 2 * i] = c;
		h[4 + 2 * i] = s;
		turned += bl->multiple[i] * (bl->hum[2 * i + 1] * c - bl->hum[2 * i] * s);
	}
	h[3 + DETUNE] = 2.0 * M_PI * k / bl->fs_hz * turned;
	for (unsigned i = 0; i < BASELINE_STATES; i++)
		hw[i] = h[i] * weight;
	batch->y[batch->n++] = y;
	bl->yy += weight * y * y;
	bl->samples += n;
	bl->observations++;
	if (batch->n == BASELINE_BATCH)
		flush_batch(bl);
}

static inline __attribute__((always_inline)) double mean_of(const float *x, unsigned n)
{
	double sum[TILE] = {0};
	unsigned i = 0;

	for (; i + TILE <= n; i += TILE) {
		for (unsigned lane = 0; lane < TILE; lane++)
			sum[lane] += (double)x[i + lane];
	}
	for (; i < n; i++)
		sum[0] += (double)x[i];
	return (sum[0] + sum[1] + (sum[2] + sum[3])) / n;
}

VECTOR_CLONES static void add_runs(struct baseline *bl, const float *x, long k0, unsigned runs, unsigned len)
{
	double centre = (double)k0 + 0.5 * (len - 1.0);
	struct runs lines = runs_from(bl, k0, len);

	for (unsigned i = 0; i < runs; i++) {
		observe(bl, mean_of(x + (size_t)i * len, len), centre + (double)i * len, len, &lines.at);
		turn(&lines.at, lines.step.c, lines.step.s);
	}
}

/* In runs of equal length; the few samples that do not fill one more are left out. */
void baseline_add(struct baseline *bl, const float *x, long k0, unsigned n)
{
	unsigned fine = (2 * n + bl->segment - 1) / bl->segment, coarse = (n + bl->segment - 1) / bl->segment;
	unsigned runs = fine < RUNS_LONG ? fine : coarse < RUNS_LONG ? RUNS_LONG : coarse;

	runs = runs < n ? runs : n;
	add_runs(bl, x, k0, runs, n / runs);
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

	flush_batch(bl);
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

#define SPAN  64 /* samples that share one set of coefficients */
#define LANES 8
#define ROWS  (2 * BASELINE_LINES + 2)

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));

/* Polynomial and lines over any span: a level, and coefficients of these rows. */
struct rows {
	unsigned count;
	float at[ROWS][SPAN];
};

_Static_assert(SPAN == 8 * LANES, "a span is eight vectors");

VECTOR_CLONES static void subtract_rows(const struct rows *rows, const float *coef, float level, const float *in,
					float *out)
{
	const lanes *x = (const lanes *)in;
	lanes *to = (lanes *)out, a = x[0] - level, b = x[1] - level, c = x[2] - level, d = x[3] - level,
	      e = x[4] - level, f = x[5] - level, g = x[6] - level, h = x[7] - level;

	for (unsigned r = 0; r < rows->count; r++) {
		const lanes *row = (const lanes *)rows->at[r];

		a -= coef[r] * row[0];
		b -= coef[r] * row[1];
		c -= coef[r] * row[2];
		d -= coef[r] * row[3];
		e -= coef[r] * row[4];
		f -= coef[r] * row[5];
		g -= coef[r] * row[6];
		h -= coef[r] * row[7];
	}
	to[0] = a;
	to[1] = b;
	to[2] = c;
	to[3] = d;
	to[4] = e;
	to[5] = f;
	to[6] = g;
	to[7] = h;
}

/* Fills the rows of one line and returns its turn over a span. */
static void line_rows(double w, float *cosine, float *sine, double *ret_c, double *ret_s)
{
	double c = 1.0, s = 0.0, turn_c = cos(w), turn_s = sin(w);

	for (unsigned k = 0; k < SPAN; k++) {
		double next = c * turn_c - s * turn_s;

		cosine[k] = (float)c;
		sine[k] = (float)s;
		s = s * turn_c + c * turn_s;
		c = next;
	}
	*ret_c = c;
	*ret_s = s;
}

/* c cos(phase + k w) + s sin(phase + k w) = C cos(k w) + S sin(k w), and so on from span to span, which turns C and S
 * backwards. Lines that are not removed stand at the end, with no rows. */
static void begin_rows(const struct baseline *bl, struct rows *rows, struct turned *at, struct turned *step)
{
	unsigned n = 0;

	*at = *step = (struct turned){.c = {0}};
	for (unsigned k = 0; k < SPAN; k++) {
		rows->at[0][k] = (float)k / SPAN;
		rows->at[1][k] = rows->at[0][k] * rows->at[0][k];
	}
	for (unsigned i = 0; i < bl->lines; i++) {
		double pc = cos(bl->phase[i]), ps = sin(bl->phase[i]), c = bl->hum[2 * i], s = bl->hum[2 * i + 1];

		if (bl->use[i] == LINE_LEFT || insignificant(bl, i))
			continue;
		line_rows(2.0 * M_PI * baseline_line_hz(bl, i) / bl->fs_hz, rows->at[2 + 2 * n], rows->at[3 + 2 * n],
			  &step->c[n], &step->s[n]);
		step->s[n] = -step->s[n];
		at->c[n] = c * pc + s * ps;
		at->s[n++] = s * pc - c * ps;
	}
	rows->count = 2 + 2 * n;
}

/* Coefficients for the span from k on; the lines turn to the next one. Returns the level. */
static float next_coefficients(const struct baseline *bl, unsigned k, struct turned *lines, const struct turned *step,
			       float *coef)
{
	double stride = 2.0 * SPAN / bl->len, u = 2.0 * k / bl->len - 1.0;

	coef[0] = (float)(stride * (bl->poly[1] + 2.0 * u * bl->poly[2]));
	coef[1] = (float)(stride * stride * bl->poly[2]);
	for (unsigned i = 0; i < BASELINE_LINES; i++) {
		coef[2 + 2 * i] = (float)lines->c[i];
		coef[3 + 2 * i] = (float)lines->s[i];
	}
	turn(lines, step->c, step->s);
	return (float)(bl->poly[0] + u * (bl->poly[1] + u * bl->poly[2]));
}

void baseline_flatten(const struct baseline *bl, const float *in, float *out, unsigned n)
{
	struct rows rows;
	struct turned lines, step;
	float coef[ROWS], rest[SPAN] = {0};
	unsigned k = 0;

	begin_rows(bl, &rows, &lines, &step);
	for (; k + SPAN <= n; k += SPAN) {
		float level = next_coefficients(bl, k, &lines, &step, coef);

		subtract_rows(&rows, coef, level, in + k, out + k);
	}
	if (k == n)
		return;
	memcpy(rest, in + k, (n - k) * sizeof(float));
	subtract_rows(&rows, coef, next_coefficients(bl, k, &lines, &step, coef), rest, rest);
	memcpy(out + k, rest, (n - k) * sizeof(float));
}

/* Of a line that is not estimated nothing corrects the phase: it drifts by what the frequency is off, and the other
 * lines tell that frequency anew in every block. */
static void lose_phase(struct baseline *bl, unsigned line, double seconds)
{
	double off_hz = bl->multiple[line] * sqrt(bl->hum_cov[DETUNE][DETUNE]);
	double lost = 2.0 * M_PI * off_hz * seconds * baseline_amplitude(bl, line);

	for (unsigned i = 2 * line; bl->use[line] == LINE_HELD && i < 2 * line + 2; i++)
		bl->hum_cov[i][i] += 0.5 * lost * lost;
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
	for (unsigned i = 0; i < bl->lines; i++)
		lose_phase(bl, i, seconds);
	bl->hum_cov[DETUNE][DETUNE] = fmin(bl->hum_cov[DETUNE][DETUNE] + DETUNE_WALK_HZ * DETUNE_WALK_HZ * seconds,
					   DETUNE_PRIOR_HZ * DETUNE_PRIOR_HZ);
}

void baseline_row(const struct baseline *bl, double k, double offset_gain, const double *gain, double *row)
{
	double u = 2.0 * k / bl->len - 1.0;
	struct turned lines = lines_at(bl, lround(k));

	row[0] += offset_gain;
	row[1] += offset_gain * u;
	row[2] += offset_gain * u * u;
	for (unsigned i = 0; i < bl->lines; i++) {
		row[3 + 2 * i] += gain[i] * lines.c[i];
		row[4 + 2 * i] += gain[i] * lines.s[i];
	}
}

struct baseline_sum baseline_sum_of(const struct baseline *bl, const double *w, unsigned n, long first)
{
	struct baseline_sum ret = {.level = 0.0};

	for (unsigned k = 0; k < n; k++) {
		double tau = (double)(first + (long)k);

		ret.level += w[k];
		ret.slope += w[k] * tau;
		ret.bend += w[k] * tau * tau;
		for (unsigned i = 0; i < bl->lines; i++) {
			double s, c;

			sincos(2.0 * M_PI * baseline_line_hz(bl, i) / bl->fs_hz * tau, &s, &c);
			ret.c[i] += w[k] * c;
			ret.s[i] += w[k] * s;
		}
	}
	return ret;
}

void baseline_sum_row(const struct baseline *bl, double k, const struct baseline_sum *sum, double *row)
{
	double u = 2.0 * k / bl->len - 1.0, per = 2.0 / bl->len;
	struct turned lines = lines_at(bl, lround(k));

	row[0] += sum->level;
	row[1] += sum->level * u + sum->slope * per;
	row[2] += (sum->level * u + 2.0 * sum->slope * per) * u + sum->bend * per * per;
	for (unsigned i = 0; i < bl->lines; i++) {
		row[3 + 2 * i] += sum->c[i] * lines.c[i] - sum->s[i] * lines.s[i];
		row[4 + 2 * i] += sum->c[i] * lines.s[i] + sum->s[i] * lines.c[i];
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
