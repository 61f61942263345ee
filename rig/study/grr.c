/* Gauge R&R by ranges and by analysis of variance. */
#include "rig/study/grr.h"

#include <math.h>

#include "rig/study/control.h"

#define DISTINCT 1.41 /* the manual's figure for the square root of 2 */

struct study {
	const double *x;
	unsigned parts, appraisers, trials;
};

static double at(const struct study *s, unsigned part, unsigned appraiser, unsigned trial)
{
	return s->x[(part * s->appraisers + appraiser) * s->trials + trial];
}

static void conclude(struct grr *g)
{
	g->percent_study = 100.0 * g->grr.value / g->tv.value;
	if (g->grr.value > 0.0)
		g->ndc = fmin(floor(DISTINCT * g->pv.value / g->grr.value), GRR_NDC_MAX);
	else
		g->ndc = g->pv.value > 0.0 ? INFINITY : 0.0;
}

static struct interval bare(double value)
{
	return (struct interval){value, NAN, NAN};
}

/* ---- average and range --------------------------------------------------------------------------------------------- */

/* d2*: of one range of n values, the root mean square where d2 is the mean [Duncan]. */
static double one_range(unsigned n)
{
	double d2 = chart_d2(n), d3 = chart_d3(n);

	return sqrt(d2 * d2 + d3 * d3);
}

/* The manual's factors K1, K2, K3 have four digits; its published figures rest on them. */
static double factor(double range)
{
	return round(1e4 / range) * 1e-4;
}

static double range_in_cell(const struct study *s, unsigned part, unsigned appraiser)
{
	double lo = at(s, part, appraiser, 0), hi = lo;

	for (unsigned t = 1; t < s->trials; t++) {
		lo = fmin(lo, at(s, part, appraiser, t));
		hi = fmax(hi, at(s, part, appraiser, t));
	}
	return hi - lo;
}

static double mean_of(const struct study *s, bool of_part, unsigned which)
{
	double sum = 0.0;
	unsigned others = of_part ? s->appraisers : s->parts;

	for (unsigned o = 0; o < others; o++)
		for (unsigned t = 0; t < s->trials; t++)
			sum += of_part ? at(s, which, o, t) : at(s, o, which, t);
	return sum / (others * s->trials);
}

static double range_of_means(const struct study *s, bool of_parts)
{
	double lo = INFINITY, hi = -INFINITY;

	for (unsigned i = 0; i < (of_parts ? s->parts : s->appraisers); i++) {
		lo = fmin(lo, mean_of(s, of_parts, i));
		hi = fmax(hi, mean_of(s, of_parts, i));
	}
	return hi - lo;
}

static void by_ranges(const struct study *s, struct grr *g)
{
	double sum = 0.0;

	for (unsigned p = 0; p < s->parts; p++)
		for (unsigned a = 0; a < s->appraisers; a++)
			sum += range_in_cell(s, p, a);
	double ev = sum / (s->parts * s->appraisers) * factor(chart_d2(s->trials));
	double between = range_of_means(s, false) * factor(one_range(s->appraisers));
	double av = sqrt(fmax(0.0, between * between - ev * ev / (s->parts * s->trials)));
	double pv = range_of_means(s, true) * factor(one_range(s->parts));

	g->ev = bare(ev);
	g->av = bare(av);
	g->grr = bare(hypot(ev, av));
	g->pv = bare(pv);
	g->tv = bare(hypot(g->grr.value, pv));
}

/* ---- analysis of variance ------------------------------------------------------------------------------------------ */

/* The mean squares that the figures are sums of: parts, appraisers, interaction (or, pooled, what stands in its place) and
 * repeats; coefficients of each in that order. */
struct combination {
	double part, appraiser, interaction, repeat;
};

static struct interval combine(const struct grr *g, const struct anova_row *error, struct combination c,
			       double confidence)
{
	const struct anova_two_way *a = &g->anova;
	struct mean_square term[4];
	unsigned count = 0;

	if (c.part != 0.0)
		term[count++] = (struct mean_square){c.part, a->a.mean, a->a.dof};
	if (c.appraiser != 0.0)
		term[count++] = (struct mean_square){c.appraiser, a->b.mean, a->b.dof};
	if (c.interaction != 0.0)
		term[count++] = (struct mean_square){c.interaction, a->interaction.mean, a->interaction.dof};
	if (c.repeat != 0.0)
		term[count++] = (struct mean_square){c.repeat, error->mean, error->dof};
	return interval_root(c.part > 0.0 && c.appraiser > 0.0 ? total_interval(term, count, confidence)
							       : sum_of_squares_interval(term, count, confidence));
}

static void without_interaction(struct grr *g, double confidence)
{
	const struct anova_two_way *a = &g->anova;
	struct anova_row error = {.squares = a->interaction.squares + a->repeat.squares,
				  .dof = a->interaction.dof + a->repeat.dof};
	double per_a = 1.0 / (g->parts * g->trials), per_p = 1.0 / (g->appraisers * g->trials);

	error.mean = error.squares / error.dof;
	g->ev = combine(g, &error, (struct combination){.repeat = 1.0}, confidence);
	g->av = combine(g, &error, (struct combination){.appraiser = per_a, .repeat = -per_a}, confidence);
	g->grr = combine(g, &error, (struct combination){.appraiser = per_a, .repeat = 1.0 - per_a}, confidence);
	g->pv = combine(g, &error, (struct combination){.part = per_p, .repeat = -per_p}, confidence);
	g->tv = combine(g, &error,
			(struct combination){.part = per_p, .appraiser = per_a, .repeat = 1.0 - per_p - per_a},
			confidence);
}

static void with_interaction(struct grr *g, double confidence)
{
	const struct anova_two_way *a = &g->anova;
	double r = 1.0 / g->trials, per_a = r / g->parts, per_p = r / g->appraisers;
	double crossed = (a->interaction.mean - a->repeat.mean) * r;

	g->interaction = sqrt(fmax(0.0, crossed));
	g->ev = combine(g, &a->repeat, (struct combination){.repeat = 1.0}, confidence);
	g->av = combine(g, &a->repeat, (struct combination){.appraiser = per_a, .interaction = r - per_a, .repeat = -r},
			confidence);
	g->grr = combine(g, &a->repeat,
			 (struct combination){.appraiser = per_a, .interaction = r - per_a, .repeat = 1.0 - r},
			 confidence);
	g->pv = combine(g, &a->repeat, (struct combination){.part = per_p, .interaction = -per_p}, confidence);
	g->tv = combine(g, &a->repeat,
			(struct combination){
				.part = per_p, .appraiser = per_a, .interaction = r - per_a - per_p, .repeat = 1.0 - r},
			confidence);
}

/* The decision to pool is made on the same values that the appraisers' share comes from: its interval, taken after pooling, covers
 * too seldom where that share is small; that of the whole model too often where the interaction has few degrees of freedom. The
 * limits half way between them do neither. */
static void appraisers_half_pooled(struct grr *g, double confidence)
{
	struct grr whole = *g;

	with_interaction(&whole, confidence);
	g->av.lo = fmin(0.5 * (g->av.lo + whole.av.lo), g->av.value);
	g->av.hi = fmax(0.5 * (g->av.hi + whole.av.hi), g->av.value);
}

/* A component that is cut at 0 leaves the sums larger than their parts: they are added up again, the intervals stay. */
static void add_up(struct grr *g)
{
	const struct anova_two_way *a = &g->anova;

	if (!g->pooled) {
		double appraiser = (a->b.mean - a->interaction.mean) / (g->parts * g->trials);
		g->av.value = hypot(sqrt(fmax(0.0, appraiser)), g->interaction);
	}
	g->grr.value = hypot(g->ev.value, g->av.value);
	g->tv.value = hypot(g->grr.value, g->pv.value);
}

void grr_of(const double *x, unsigned parts, unsigned appraisers, unsigned trials, enum grr_method method,
	    double confidence, struct grr *ret)
{
	const struct study s = {x, parts, appraisers, trials};

	*ret = (struct grr){.method = method, .parts = parts, .appraisers = appraisers, .trials = trials};
	if (method == GRR_RANGE) {
		by_ranges(&s, ret);
	} else {
		anova_two_way(x, parts, appraisers, trials, &ret->anova);
		ret->pooled = !(ret->anova.interaction.p < GRR_POOL_P);
		if (ret->pooled)
			without_interaction(ret, confidence);
		else
			with_interaction(ret, confidence);
		add_up(ret);
		appraisers_half_pooled(ret, confidence);
	}
	conclude(ret);
}

static void nested_components(struct grr *g, double confidence)
{
	const struct anova_row *error = &g->anova.repeat;
	double r = 1.0 / g->trials, per_a = r / g->parts;

	g->ev = combine(g, error, (struct combination){.repeat = 1.0}, confidence);
	g->pv = combine(g, error, (struct combination){.part = r, .repeat = -r}, confidence);
	g->av = combine(g, error, (struct combination){.appraiser = per_a, .part = -per_a}, confidence);
	g->grr = combine(g, error, (struct combination){.appraiser = per_a, .part = -per_a, .repeat = 1.0}, confidence);
	g->tv = combine(g, error, (struct combination){.appraiser = per_a, .part = r - per_a, .repeat = 1.0 - r},
			confidence);
	g->grr.value = hypot(g->ev.value, g->av.value);
	g->tv.value = hypot(g->grr.value, g->pv.value);
}

void grr_nested_of(const double *x, unsigned parts, unsigned appraisers, unsigned trials, double confidence,
		   struct grr *ret)
{
	struct anova_nested anova;

	*ret = (struct grr){
		.method = GRR_ANOVA, .nested = true, .parts = parts, .appraisers = appraisers, .trials = trials};
	anova_nested(x, appraisers, parts, trials, &anova);
	ret->anova.a = anova.b;
	ret->anova.b = anova.a;
	ret->anova.repeat = anova.repeat;
	nested_components(ret, confidence);
	conclude(ret);
}

double grr_percent_tolerance(const struct grr *grr, double lower, double upper)
{
	return 100.0 * 6.0 * grr->grr.value / (upper - lower);
}
