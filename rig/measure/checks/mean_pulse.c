/* Folding of strokes at four places between samples. */
#include "rig/measure/checks/mean_pulse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"

#define PHASES    MEAN_PULSE_PHASES
#define ALL_FIRST 256
#define THEN_EACH 8

static unsigned row_len(const struct mean_pulse *m)
{
	return m->before + m->after + 1;
}

int mean_pulse_init(struct mean_pulse *m, unsigned before, unsigned after)
{
	*m = (struct mean_pulse){.before = before, .after = after};
	m->sum = calloc(PHASES * (size_t)row_len(m), sizeof(double));
	return m->sum ? 0 : -ENOMEM;
}

void mean_pulse_release(struct mean_pulse *m)
{
	free(m->sum);
	m->sum = NULL;
}

void mean_pulse_copy(struct mean_pulse *to, const struct mean_pulse *from)
{
	double *sum = to->sum;

	*to = *from;
	to->sum = sum;
	memcpy(sum, from->sum, PHASES * (size_t)row_len(from) * sizeof(double));
}

bool mean_pulse_wants(struct mean_pulse *m)
{
	uint64_t number = m->offered++;

	return number < ALL_FIRST || number % THEN_EACH == 0;
}

VECTOR_CLONES static void add(double *restrict to, const float *raw, const float *force, const float *flat, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] += (double)flat[i] + ((double)raw[i] - (double)force[i]);
}

void mean_pulse_add(struct mean_pulse *m, const struct mean_source *source, double at)
{
	double quarter = floor(at * PHASES + 0.5), base = floor(quarter / PHASES);
	unsigned phase = (unsigned)(quarter - base * PHASES);
	long from = (long)(base - source->x0) - (long)m->before;

	add(m->sum + (size_t)phase * row_len(m), source->raw + from, source->force + from, source->flat + from,
	    row_len(m));
	m->strokes[phase]++;
}

uint64_t mean_pulse_strokes(const struct mean_pulse *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < PHASES; i++)
		n += m->strokes[i];
	return n;
}

/* Sum at quarter k about the instant, and how many strokes are in it. */
static double sum_at(const struct mean_pulse *m, const struct mean_filter *filter, long k, double *ret_weight)
{
	unsigned phase = (unsigned)(((-k) % PHASES + PHASES) % PHASES), reach = filter ? filter->reach : 0;
	long i = (k + (long)phase) / PHASES + (long)m->before;
	const double *row = m->sum + (size_t)phase * row_len(m);
	double sum = 0.0;

	*ret_weight = 0.0;
	if (m->strokes[phase] == 0 || i < (long)reach || i + (long)reach >= (long)row_len(m))
		return 0.0;
	*ret_weight = (double)m->strokes[phase];
	if (reach == 0)
		return row[i];
	for (unsigned tap = 0; tap <= 2 * reach; tap++)
		sum += filter->weight[tap] * row[i - (long)reach + (long)tap];
	return sum;
}

void mean_pulse_points(const struct mean_pulse *m, const struct mean_filter *filter, double lo, double hi,
		       struct points *ret)
{
	long from = (long)ceil(lo * PHASES), end = (long)floor(hi * PHASES) + 1;
	long group = end > from ? (end - from + POINTS_MAX - 1) / POINTS_MAX : 1;

	*ret = (struct points){.step = (double)group / PHASES,
			       .first = ((double)from + 0.5 * (double)(group - 1)) / PHASES};
	for (long k = from; k + group <= end; k += group) {
		double sum = 0.0, weight = 0.0, one;

		for (long i = 0; i < group; i++) {
			sum += sum_at(m, filter, k + i, &one);
			weight += one;
		}
		ret->y[ret->n] = weight > 0.0 ? sum / weight : 0.0;
		ret->weight[ret->n++] = weight;
	}
}
