/* Blocks, their scatter, and the fit of an exponential approach. */
#include "rig/measure/checks/settled.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#define HEAD_MIN    8   /* strokes */
#define BLOCKS_MIN  4   /* for a scatter */
#define BEFORES_MIN 4   /* strokes */
#define COURSE_MIN  8   /* means */
#define COURSE_GOOD 12  /* as many, and then of as many strokes as can be */
#define COURSE_RUN  16  /* strokes in a mean, at most */
#define BETTER      6.0 /* F of an approach against a straight line: its curvature is seen */
#define APPROACHES  6

/* Time constants, of the window. */
static const double taus[APPROACHES] = {0.04, 0.07, 0.12, 0.2, 0.35, 0.6};

void settled_before(struct settled *s, double depth_mm)
{
	s->before[s->befores++ % SETTLED_BEFORE] = depth_mm;
}

static void close_block(struct settled_blocks *b, double mean)
{
	if (b->each == 0) {
		b->each = 1;
		b->head = mean;
	}
	if (b->bins == SETTLED_BINS && b->bin[b->bins - 1].n >= (double)b->each) {
		for (unsigned i = 0; i < SETTLED_BINS / 2; i++) {
			const struct settled_bin *p = &b->bin[2 * i];

			b->bin[i] = (struct settled_bin){p[0].n + p[1].n, p[0].sum + p[1].sum, p[0].sum2 + p[1].sum2};
		}
		b->bins /= 2;
		b->each *= 2;
	}
	if (b->bins == 0 || b->bin[b->bins - 1].n >= (double)b->each)
		b->bin[b->bins++] = (struct settled_bin){.n = 0.0};

	struct settled_bin *last = &b->bin[b->bins - 1];

	last->n += 1.0;
	last->sum += mean;
	last->sum2 += mean * mean;
}

static void add_course(struct settled_course *c, double d)
{
	if (c->each == 0)
		c->each = 1;
	if (c->bins == SETTLED_COURSE && c->in_last == c->each) {
		for (unsigned i = 0; i < SETTLED_COURSE / 2; i++)
			c->sum[i] = c->sum[2 * i] + c->sum[2 * i + 1];
		c->bins /= 2;
		c->each *= 2;
		c->in_last = c->each;
	}
	if (c->bins == 0 || c->in_last == c->each) {
		c->sum[c->bins++] = 0.0;
		c->in_last = 0;
	}
	c->sum[c->bins - 1] += d;
	c->in_last++;
}

void settled_add(struct settled *s, double depth_mm)
{
	if (s->n == 0)
		s->first = depth_mm;

	double d = depth_mm - s->first;

	for (unsigned i = 0; i < SETTLED_HEADS; i++) {
		struct settled_blocks *b = &s->blocks[i];

		b->block += d;
		if (++b->strokes == (unsigned)HEAD_MIN << i) {
			close_block(b, b->block / b->strokes);
			b->block = 0.0;
			b->strokes = 0;
		}
	}
	add_course(&s->course, d);
	s->n++;
	s->sum += d;
	s->sum2 += d * d;
}

/* The first block against those of the last three quarters: they carry slow modulation and wear in their scatter. */
static void find_head(const struct settled *s, unsigned of, struct settled_finding *ret)
{
	const struct settled_blocks *b = &s->blocks[of];
	double n = 0.0, sum = 0.0, sum2 = 0.0;
	uint64_t length = (uint64_t)HEAD_MIN << of;

	for (unsigned i = 0; i < b->bins; i++) {
		if (4 * i * b->each * length < s->n)
			continue;
		n += b->bin[i].n;
		sum += b->bin[i].sum;
		sum2 += b->bin[i].sum2;
	}
	if (n < BLOCKS_MIN)
		return;

	double mean = sum / n, sd = sqrt(fmax(0.0, sum2 - n * mean * mean) / (n - 1.0)), off = b->head - mean;
	double t = fabs(off) / fmax(sd * sqrt(1.0 + 1.0 / n), 1e-12);
	double p = 2.0 * SETTLED_HEADS * gsl_cdf_tdist_Q(t, n - 1.0);

	if (p < ret->head_p) {
		ret->head_p = p;
		ret->head = off;
	}
}

/* The course in means of as many strokes each as leave enough of them, at most COURSE_RUN. */
struct means {
	unsigned n;
	double strokes; /* in each */
	double y[SETTLED_COURSE];
};

static void means_of(const struct settled_course *c, struct means *ret)
{
	unsigned whole = c->bins > 0 && c->in_last < c->each ? c->bins - 1 : c->bins, by = 1;

	while (2 * by * c->each <= COURSE_RUN && whole / (2 * by) >= COURSE_GOOD)
		by *= 2;
	ret->n = whole / by;
	ret->strokes = (double)(by * c->each);
	for (unsigned i = 0; i < ret->n; i++) {
		double sum = 0.0;

		for (unsigned k = 0; k < by; k++)
			sum += c->sum[i * by + k];
		ret->y[i] = sum / ret->strokes;
	}
}

/* Least squares of y on 1 and g: the factor of g, and the squares that are left. */
static double regress(const struct means *m, const double *g, double *ret_rest)
{
	double n = m->n, sg = 0.0, sy = 0.0, gg = 0.0, gy = 0.0, yy = 0.0;

	for (unsigned i = 0; i < m->n; i++) {
		sg += g[i];
		sy += m->y[i];
	}
	for (unsigned i = 0; i < m->n; i++) {
		double dg = g[i] - sg / n, dy = m->y[i] - sy / n;

		gg += dg * dg;
		gy += dg * dy;
		yy += dy * dy;
	}
	*ret_rest = fmax(0.0, yy - gy * gy / gg);
	return gy / gg;
}

static double squares(const struct means *m)
{
	double mean = 0.0, sum = 0.0;

	for (unsigned i = 0; i < m->n; i++)
		mean += m->y[i] / m->n;
	for (unsigned i = 0; i < m->n; i++)
		sum += (m->y[i] - mean) * (m->y[i] - mean);
	return sum;
}

static void find_approach(const struct settled *s, struct settled_finding *ret)
{
	struct means m;
	double g[SETTLED_COURSE], best = INFINITY, line, tau_best = 0.0;

	means_of(&s->course, &m);
	if (m.n < COURSE_MIN)
		return;
	for (unsigned i = 0; i < m.n; i++)
		g[i] = i;
	regress(&m, g, &line);
	for (unsigned k = 0; k < APPROACHES; k++) {
		double tau = taus[k] * (double)s->n, rest;

		for (unsigned i = 0; i < m.n; i++)
			g[i] = exp(-((i + 0.5) * m.strokes - 0.5) / tau);

		double start = regress(&m, g, &rest);

		if (rest < best) {
			best = rest;
			tau_best = tau;
			ret->start = start;
		}
	}

	double all = squares(&m), dof = m.n - 3.0, left = fmax(best, 1e-24);

	ret->mean = ret->start * tau_best / (double)s->n * (1.0 - exp(-(double)s->n / tau_best));
	ret->r2 = all > 0.0 ? 1.0 - best / all : 0.0;
	if ((line - best) * dof > BETTER * left)
		ret->start_p = gsl_cdf_fdist_Q(0.5 * (all - best) * dof / left, 2.0, dof);
}

static double second_half(const struct settled *s)
{
	const struct settled_course *c = &s->course;
	double sum = 0.0, n = 0.0;

	for (unsigned i = c->bins / 2; i < c->bins; i++) {
		sum += c->sum[i];
		n += (double)(i + 1 < c->bins ? c->each : c->in_last);
	}
	return sum / n;
}

static double before(const struct settled *s)
{
	double sum = 0.0, n = fmin((double)s->befores, SETTLED_BEFORE);

	for (unsigned i = 0; i < (unsigned)n; i++)
		sum += s->before[i] - s->first;
	return n < BEFORES_MIN ? NAN : sum / n;
}

void settled_find(const struct settled *s, struct settled_finding *ret)
{
	*ret = (struct settled_finding){.before = NAN, .head_p = 1.0, .start_p = 1.0};
	if (s->n < 2)
		return;

	double n = (double)s->n, mean = s->sum / n, rest = second_half(s);

	ret->before = before(s) - rest;
	ret->half = 2.0 * (mean - rest);
	ret->sd = sqrt(fmax(0.0, s->sum2 - n * mean * mean) / (n - 1.0));
	for (unsigned i = 0; i < SETTLED_HEADS; i++)
		find_head(s, i, ret);
	find_approach(s, ret);
}
