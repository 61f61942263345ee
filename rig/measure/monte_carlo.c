/* Propagation of distributions by random draws. Leaves out which results are asked for. */
#include "rig/measure/monte_carlo.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/draws.h"

#define BATCH_MIN   10000
#define BATCH_MAX   100000
#define BATCHES     10
#define COVERAGE    0.95
#define DIGITS_OF_U 2
#define SURE        2.0 /* standard uncertainties of an end, before it is said to differ */

/* ---- what a line is, by its name ---- */

enum shape { NORMAL, RECTANGULAR, ARCSINE, CLOCK }; /* NORMAL with few degrees of freedom is Student's */
enum entry { ADDS, ADDS_FORCE, SCALES, DIVIDES, ENTRIES };

struct line_kind {
	const char *name;
	enum shape shape;
	enum entry entry;
};

/* What stands in none of them is normal and adds. */
static const struct line_kind depth_lines[] = {
	{.name = "calibration", .entry = SCALES},
	{.name = "temperature", .shape = RECTANGULAR, .entry = SCALES},
	{.name = "cell linearity", .entry = SCALES},
	{.name = "cell hysteresis", .entry = SCALES},
	{.name = "cell creep", .entry = SCALES},
	{.name = "cell drift", .entry = SCALES},
	{.name = "curve", .entry = DIVIDES},
	{.name = "cartridge", .entry = DIVIDES},
	{.name = "position", .entry = DIVIDES},
	{.name = "ageing", .entry = DIVIDES},
	{.name = "needle speed", .entry = DIVIDES},
	{.name = "phantom temperature", .entry = DIVIDES},
	{.name = "template", .entry = ADDS_FORCE},
	{.name = "zero", .entry = ADDS_FORCE},
	{.name = "cell", .entry = ADDS_FORCE},
	{.name = "bandwidth", .entry = ADDS_FORCE},
	{.name = "hum", .shape = ARCSINE, .entry = ADDS_FORCE},
	{.name = "resolution", .entry = ADDS_FORCE},
	{.name = "wear", .shape = RECTANGULAR},
	{.name = NULL},
};

static const struct line_kind rate_lines[] = {
	{.name = "repeatability", .entry = DIVIDES},
	{.name = "clock", .shape = CLOCK, .entry = SCALES},
	{.name = "resolution", .shape = RECTANGULAR},
	{.name = NULL},
};

static const struct line_kind other_lines[] = {
	{.name = "resolution", .shape = RECTANGULAR},
	{.name = "temperature", .shape = RECTANGULAR},
	{.name = "wear", .shape = RECTANGULAR},
	{.name = "drift", .shape = RECTANGULAR},
	{.name = "interpolation", .shape = RECTANGULAR},
	{.name = "hum", .shape = ARCSINE},
	{.name = "clock", .shape = CLOCK},
	{.name = NULL},
};

static const struct line_kind *kind_of(const struct line_kind *kinds, const char *name)
{
	while (kinds->name && strcmp(kinds->name, name) != 0)
		kinds++;
	return kinds;
}

/* ---- one trial ---- */

struct source { /* a line of the budget */
	enum shape shape;
	enum entry entry;
	double u, dof;
	bool tied; /* to another one: then normal, by the factor of the correlation matrix */
};

struct model {
	unsigned n;
	struct source source[BUDGET_MAX];
	double factor[BUDGET_MAX][BUDGET_MAX]; /* lower triangle L, L L' the correlations */
	double value, base; /* base: what the model gives, before what an error is taken against comes off */
	double scaled;      /* what a relative change of 1 makes of the base to first order; 0: nothing scales */
	const struct curve *curve;
	double force_n, slope; /* at the base, through the curve */
	uint64_t outside;
	struct draws draws;
};

static double draw_shape(struct draws *d, const struct source *s)
{
	switch (s->shape) {
	case RECTANGULAR: return sqrt(3.0) * (2.0 * draws_uniform(d) - 1.0);
	case ARCSINE: return M_SQRT2 * sin(2.0 * M_PI * draws_uniform(d));
	default: return isfinite(s->dof) ? draws_student(d, fmax(1.0, s->dof)) : draws_normal(d);
	}
}

/* Contributions to first order, each in the result's unit. */
static void draw_lines(struct model *m, double ret[BUDGET_MAX])
{
	double z[BUDGET_MAX];

	for (unsigned i = 0; i < m->n; i++)
		z[i] = m->source[i].tied ? draws_normal(&m->draws) : draw_shape(&m->draws, &m->source[i]);
	for (unsigned i = 0; i < m->n; i++) {
		double x = z[i];

		if (m->source[i].tied) {
			x = 0.0;
			for (unsigned j = 0; j <= i; j++)
				x += m->source[j].tied ? m->factor[i][j] * z[j] : 0.0;
		}
		ret[i] = m->source[i].u * x;
	}
}

/* Beyond the curve by the slope at the value, which is what the first order takes everywhere. */
static double through_curve(struct model *m, double force_n)
{
	double depth, slope;

	if (curve_depth(m->curve, force_n, &depth, &slope) == 0)
		return depth;
	m->outside++;
	return m->base + (force_n - m->force_n) / m->slope;
}

static double one_trial(struct model *m)
{
	double line[BUDGET_MAX], by[ENTRIES] = {0.0}, factor = 1.0;

	draw_lines(m, line);
	for (unsigned i = 0; i < m->n; i++)
		by[m->source[i].entry] += line[i];
	if (m->scaled > 0.0)
		factor = (1.0 + by[SCALES] / m->scaled) / (1.0 + by[DIVIDES] / m->scaled);
	if (!m->curve)
		return m->value + by[ADDS] + m->base * (factor - 1.0);
	return m->value - m->base + by[ADDS] + through_curve(m, m->force_n * factor + m->slope * by[ADDS_FORCE]);
}

/* ---- the model of a result ---- */

/* Cholesky's factor; a row that the ones before it determine ends in 0. */
static void factorise(const struct result *result, struct model *m)
{
	for (unsigned i = 0; i < m->n; i++)
		for (unsigned j = 0; j <= i; j++) {
			double sum = result_correlation(result, i, j);

			for (unsigned k = 0; k < j; k++)
				sum -= m->factor[i][k] * m->factor[j][k];
			if (i == j)
				m->factor[i][i] = sqrt(fmax(0.0, sum));
			else
				m->factor[i][j] = m->factor[j][j] > 1e-9 ? sum / m->factor[j][j] : 0.0;
			if (i != j && result_correlation(result, i, j) != 0.0)
				m->source[i].tied = m->source[j].tied = true;
		}
}

static const struct line_kind *rate_kinds(struct model *m)
{
	if (!(m->base > 0.0))
		return other_lines;
	m->scaled = m->base;
	return rate_lines;
}

static const struct line_kind *depth_kinds(const struct curve *curve, struct model *m)
{
	if (!curve || curve_force(curve, m->base, &m->force_n, &m->slope) != 0 || !(m->slope > 0.0) ||
	    !(m->force_n > 0.0))
		return other_lines;
	m->curve = curve;
	m->scaled = m->force_n / m->slope;
	return depth_lines;
}

static const struct line_kind *kinds_of(const struct result *result, const struct carlo_setup *setup, struct model *m)
{
	const struct measurand_row *row = measurand_row(result->id);

	m->value = m->base = result->value;
	switch (row->model) {
	case MODEL_RATE_ERROR: m->base += 100.0; return rate_kinds(m);
	case MODEL_RATE: return rate_kinds(m);
	case MODEL_DEPTH_ERROR: m->base += setup->setpoint_mm; return depth_kinds(setup->curve, m);
	case MODEL_DEPTH: return depth_kinds(setup->curve, m);
	case MODEL_LINEAR: break;
	}
	return other_lines;
}

static void set_up(const struct result *result, const struct carlo_setup *setup, struct model *ret)
{
	*ret = (struct model){.n = result->budget_lines};
	const struct line_kind *kinds = kinds_of(result, setup, ret);

	for (unsigned i = 0; i < ret->n; i++) {
		const struct budget_line *line = &result->budget[i];
		const struct line_kind *kind = kind_of(kinds, line->name);

		ret->source[i] =
			(struct source){.shape = kind->shape, .entry = kind->entry, .u = line->u, .dof = line->dof};
		if (kind->shape == CLOCK)
			ret->source[i].shape = setup->clock_measured ? NORMAL : RECTANGULAR;
	}
	factorise(result, ret);
	draws_seed(&ret->draws, setup->seed);
}

/* ---- batches ---- */

/* Sums over all trials, and over the batches' ends. */
struct gathered {
	uint64_t batches;
	double mean, m2, trials; /* Welford's */
	double lower, upper, even_lower, even_upper, s2;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Variance of the end at place r of n sorted numbers: p (1 - p) / n over the squared density, which its neighbours tell. */
static double end_variance(const double *y, size_t n, size_t r)
{
	size_t reach = (size_t)sqrt((double)n), lo = r > reach ? r - reach : 0, hi = r + reach < n ? r + reach : n - 1;
	double p = ((double)r + 0.5) / (double)n, density = (double)(hi - lo) / (double)n / (y[hi] - y[lo]);

	return p * (1.0 - p) / (double)n / (density * density);
}

/* JCGM 101, 7.7: intervals of q of n numbers. */
static void gather_ends(struct gathered *g, const double *y, size_t n)
{
	size_t q = (size_t)(COVERAGE * (double)n + 0.5), best = 0, even = (n - q) / 2;

	for (size_t r = 1; r + q < n; r++)
		if (y[r + q] - y[r] < y[best + q] - y[best])
			best = r;
	g->lower += y[best];
	g->upper += y[best + q];
	g->even_lower += 0.5 * (y[even - 1] + y[even]);
	g->even_upper += 0.5 * (y[even + q - 1] + y[even + q]);
	g->s2 += fmax(end_variance(y, n, even), end_variance(y, n, even + q));
	g->batches++;
}

static void gather(struct gathered *g, struct model *m, double *y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		y[i] = one_trial(m);
		double apart = y[i] - g->mean;

		g->trials += 1.0;
		g->mean += apart / g->trials;
		g->m2 += apart * (y[i] - g->mean);
	}
	qsort(y, n, sizeof(y[0]), by_size);
	gather_ends(g, y, n);
}

/* JCGM 101, 7.9.2: u = c 10^l with c of two digits; half of 10^l. */
static double numerical_tolerance(double u)
{
	double unit = pow(10.0, floor(log10(u)) - (DIGITS_OF_U - 1));

	if (round(u / unit) >= pow(10.0, DIGITS_OF_U))
		unit *= 10.0;
	return 0.5 * unit;
}

static enum carlo_opinion opinion_of(const struct carlo_outcome *o)
{
	if (o->apart + SURE * o->s <= o->tolerance)
		return CARLO_GOOD_ENOUGH;
	return o->apart - SURE * o->s > o->tolerance ? CARLO_NOT_GOOD : CARLO_TOO_FEW;
}

static void conclude(const struct result *result, const struct gathered *g, const struct model *m,
		     struct carlo_outcome *ret)
{
	double batches = (double)g->batches;

	*ret = (struct carlo_outcome){.trials = (uint64_t)g->trials,
				      .mean = g->mean,
				      .sd = sqrt(g->m2 / (g->trials - 1.0)),
				      .lower = g->lower / batches,
				      .upper = g->upper / batches,
				      .even_lower = g->even_lower / batches,
				      .even_upper = g->even_upper / batches,
				      .s = sqrt(g->s2 / batches / batches),
				      .tolerance = numerical_tolerance(result->u),
				      .outside = (double)m->outside / g->trials};
	ret->apart = fmax(fabs(result->value - result->expanded_u - ret->even_lower),
			  fabs(result->value + result->expanded_u - ret->even_upper));
	ret->opinion = opinion_of(ret);
}

int monte_carlo(const struct result *result, const struct carlo_setup *setup, struct carlo_outcome *ret)
{
	uint64_t size = setup->trials / BATCHES;
	struct gathered gathered = {.batches = 0};
	struct model model;

	assert(result->valid && isfinite(result->value) && result->u > 0.0 && isfinite(result->u));
	assert(setup->trials >= CARLO_TRIALS_MIN && setup->trials <= CARLO_TRIALS_MAX);
	size = size < BATCH_MIN ? BATCH_MIN : size > BATCH_MAX ? BATCH_MAX : size;
	double *y = malloc(size * sizeof(*y));

	if (!y)
		return -ENOMEM;
	set_up(result, setup, &model);
	for (uint64_t done = 0; done < setup->trials; done += size)
		gather(&gathered, &model, y, size);
	conclude(result, &gathered, &model, ret);
	free(y);
	return 0;
}
