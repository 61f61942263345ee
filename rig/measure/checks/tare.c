/* Level, slope and known lines are taken off; what is left ought to be noise. */
#include "rig/measure/checks/tare.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_fft_real.h>

#include "rig/measure/statistics.h"

#define LEAST      64 /* samples */
#define PASSES     3  /* of one component after the other: they are nearly orthogonal */
#define EIGHTS     8
#define PARTS      64
#define LINE_LO_HZ 8.0
#define LINE_HI_HZ 1500.0
#define NYQUIST    0.45 /* of the rate: above it an average hides what is left */
#define NEAR_HZ    3.0  /* of a known line */
#define NEAR_CELLS 3.0  /* the same, 1 / length */
#define NEIGHBOURS 31
#define STEP_HZ    1.5
#define STEP_SEEN  4.0 /* standard deviations of an amplitude's cosine or sine */
#define HANN                                                                                                           \
	1.442 /* median of a Hann window's amplitudes over the standard deviation without a window:
			  * sqrt(2 ln 2) sqrt(1.5) */

void tare_add(struct tare_record *t, const float *x, unsigned n)
{
	t->group = t->group > 0 ? t->group : 1;
	for (unsigned i = 0; i < n; i++) {
		t->sum += (double)x[i];
		if (++t->summed < t->group)
			continue;
		t->x[t->n++] = (float)(t->sum / t->group);
		t->sum = 0.0;
		t->summed = 0;
		if (t->n < TARE_HELD)
			continue;
		t->n /= 2;
		t->group *= 2;
		for (unsigned k = 0; k < t->n; k++)
			t->x[k] = 0.5F * (t->x[2 * k] + t->x[2 * k + 1]);
	}
}

static void take_off_line(double *y, unsigned n)
{
	double mean = 0.0, slope = 0.0, middle = 0.5 * ((double)n - 1.0);

	for (unsigned i = 0; i < n; i++) {
		mean += y[i];
		slope += ((double)i - middle) * y[i];
	}
	mean /= n;
	slope /= (double)n * ((double)n * n - 1.0) / 12.0;
	for (unsigned i = 0; i < n; i++)
		y[i] -= mean + slope * ((double)i - middle);
}

struct wave {
	double c, s;
};

/* Cosine and sine of w rad per sample, by projection. */
static struct wave project(const double *y, unsigned n, double w)
{
	double turn_c = cos(w), turn_s = sin(w), c = 1.0, s = 0.0;
	struct wave ret = {0.0, 0.0};

	for (unsigned i = 0; i < n; i++) {
		double next = c * turn_c - s * turn_s;

		ret.c += y[i] * c;
		ret.s += y[i] * s;
		s = s * turn_c + c * turn_s;
		c = next;
	}
	ret.c *= 2.0 / n;
	ret.s *= 2.0 / n;
	return ret;
}

static void take_off_wave(double *y, unsigned n, double w)
{
	struct wave a = project(y, n, w);
	double turn_c = cos(w), turn_s = sin(w), c = 1.0, s = 0.0;

	for (unsigned i = 0; i < n; i++) {
		double next = c * turn_c - s * turn_s;

		y[i] -= a.c * c + a.s * s;
		s = s * turn_c + c * turn_s;
		c = next;
	}
}

static double mean_of(const double *y, unsigned from, unsigned end)
{
	double sum = 0.0;

	for (unsigned i = from; i < end; i++)
		sum += y[i];
	return sum / (double)(end - from);
}

/* By the median of n - 1 steps, of which a pulse makes few; they are put into another order. */
static double noise_of(double *steps, unsigned n)
{
	return select_kth(steps + 1, n - 1, (n - 1) / 2) / (0.67449 * M_SQRT2);
}

/* Of the mean of a part, were the noise white: known better than by the few parts. */
static double white_noise(const double *y, unsigned n, unsigned parts)
{
	double steps[TARE_HELD];

	for (unsigned i = 1; i < n; i++)
		steps[i] = fabs(y[i] - y[i - 1]);
	return noise_of(steps, n) * sqrt((double)parts / n);
}

/* Noise of the mean of a part by the median step from one part to the next, of which a pulse makes few. */
static void judge_motion(const double *y, unsigned n, double count_n, struct tare_answer *ret)
{
	unsigned parts = n / 2 < PARTS ? n / 2 : PARTS;
	double steps[PARTS], before = 0.0, most = 0.0, lo = INFINITY, hi = -INFINITY;

	for (unsigned i = 0; i < parts; i++) {
		double mean = mean_of(y, i * n / parts, (i + 1) * n / parts);

		steps[i] = fabs(mean - before);
		ret->largest_n = fmax(ret->largest_n, fabs(mean));
		before = mean;
	}
	for (unsigned i = 0; i < EIGHTS; i++) {
		double mean = mean_of(y, i * n / EIGHTS, (i + 1) * n / EIGHTS);

		most = fmax(most, fabs(mean));
		lo = fmin(lo, mean);
		hi = fmax(hi, mean);
	}
	double part_n = fmax(noise_of(steps, parts), white_noise(y, n, parts));

	ret->motion = most / (fmax(part_n, count_n / sqrt(12.0)) * sqrt((double)EIGHTS / parts));
	ret->spread_n = hi - lo;
}

/* What averaging over a group leaves of a wave. */
static double kept(double hz, double fs_hz, unsigned group)
{
	double x = M_PI * hz / fs_hz;

	return group > 1 ? sin(x * group) / (group * sin(x)) : 1.0;
}

static bool is_known(const struct tare_question *q, double hz, double near_hz)
{
	for (unsigned i = 0; i < q->lines; i++) {
		if (fabs(hz - q->line_hz[i]) < near_hz)
			return true;
	}
	return false;
}

static unsigned spectrum(const double *y, unsigned n, double *amplitude)
{
	unsigned size = 128;

	while (size < n)
		size *= 2;
	for (unsigned i = 0; i < size; i++)
		amplitude[i] = i < n ? y[i] * (1.0 - cos(2.0 * M_PI * ((double)i + 0.5) / n)) : 0.0;
	gsl_fft_real_radix2_transform(amplitude, 1, size);
	for (unsigned k = 1; k < size / 2; k++)
		amplitude[k] = 2.0 / n * hypot(amplitude[k], amplitude[size - k]);
	return size;
}

/* Median of the amplitudes about one. */
static double floor_at(const double *amplitude, unsigned bins, unsigned k)
{
	double sorted[NEIGHBOURS];
	unsigned first = k > NEIGHBOURS / 2 ? k - NEIGHBOURS / 2 : 1;

	first = first + NEIGHBOURS > bins ? bins - NEIGHBOURS : first;
	memcpy(sorted, amplitude + first, sizeof(sorted));
	return select_kth(sorted, NEIGHBOURS, NEIGHBOURS / 2);
}

static void judge_lines(const double *amplitude, unsigned size, const struct tare_question *q, double length_s,
			unsigned group, struct tare_answer *ret)
{
	double fs_hz = q->fs_hz / group, near_hz = fmax(NEAR_HZ, NEAR_CELLS / length_s);
	double strongest = 0.0;

	for (unsigned k = 1; k < size / 2; k++) {
		double hz = k * fs_hz / size;

		if (hz < LINE_LO_HZ || hz > fmin(LINE_HI_HZ, NYQUIST * fs_hz) || is_known(q, hz, near_hz))
			continue;
		ret->line = fmax(0.0, ret->line); /* asked */
		if (amplitude[k] <= strongest)
			continue;
		strongest = amplitude[k];
		ret->line = amplitude[k] / floor_at(amplitude, size / 2, k);
		ret->line_hz = hz;
		ret->line_n = amplitude[k] / kept(hz, q->fs_hz, group);
	}
}

static void judge_step(const double *y, unsigned n, const double *amplitude, unsigned size,
		       const struct tare_question *q, unsigned group, struct tare_answer *ret)
{
	double fs_hz = q->fs_hz / group, squares = 0.0;

	for (unsigned m = 1; m <= TARE_ORDERS && m * q->rate_hz < NYQUIST * fs_hz; m++) {
		double hz = m * q->rate_hz;

		if (is_known(q, hz, STEP_HZ))
			continue;

		struct wave a = project(y, n, 2.0 * M_PI * hz / fs_hz);
		double all = hypot(a.c, a.s);
		unsigned bin = (unsigned)(hz / fs_hz * size + 0.5);

		if (all > STEP_SEEN / HANN * floor_at(amplitude, size / 2, bin))
			squares += pow(all / kept(hz, q->fs_hz, group), 2.0);
	}
	ret->in_step_n = sqrt(squares);
}

void tare_judge(const struct tare_record *t, const struct tare_question *q, struct tare_answer *ret)
{
	unsigned group = t->group > 0 ? t->group : 1, n = t->n, size;
	double y[TARE_HELD], amplitude[TARE_HELD], fs_hz = q->fs_hz / group;

	*ret = (struct tare_answer){.motion = NAN, .line = NAN, .line_hz = NAN, .line_n = NAN};
	if (n < LEAST)
		return;
	for (unsigned i = 0; i < n; i++)
		y[i] = (double)t->x[i];
	for (unsigned pass = 0; pass < PASSES; pass++) {
		take_off_line(y, n);
		for (unsigned i = 0; i < q->lines; i++) {
			if (q->line_hz[i] < NYQUIST * fs_hz)
				take_off_wave(y, n, 2.0 * M_PI * q->line_hz[i] / fs_hz);
		}
	}
	judge_motion(y, n, q->count_n, ret);
	size = spectrum(y, n, amplitude);
	judge_lines(amplitude, size, q, n / fs_hz, group, ret);
	judge_step(y, n, amplitude, size, q, group, ret);
}
