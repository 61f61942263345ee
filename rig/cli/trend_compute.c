/* From a series to its control chart, rules, capability and yield. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/trend.h"

static unsigned values_needed(const struct trend_settings *s)
{
	return s->chart == CHART_MEANS_RANGE || s->chart == CHART_MEANS_SD ? 2 * s->subgroup : 2;
}

static bool in_groups(const struct trend *t)
{
	return t->settings->chart == CHART_MEANS_RANGE || t->settings->chart == CHART_MEANS_SD;
}

const struct series_value *trend_last_value(const struct trend *t, unsigned i)
{
	unsigned m = in_groups(t) ? t->settings->subgroup : 1;

	return &t->series->value[t->skipped + i * m + m - 1];
}

static double spread_of(const double *x, unsigned m, bool by_sd)
{
	double lo = x[0], hi = x[0], sum = 0.0, squares = 0.0;

	for (unsigned i = 0; i < m; i++) {
		lo = fmin(lo, x[i]);
		hi = fmax(hi, x[i]);
		sum += x[i] - x[0];
	}
	for (unsigned i = 0; i < m; i++)
		squares += pow(x[i] - x[0] - sum / m, 2);
	return by_sd ? sqrt(squares / (m - 1.0)) : hi - lo;
}

static void plot_groups(struct trend *t, const double *x)
{
	unsigned m = t->settings->subgroup;
	bool by_sd = t->settings->chart == CHART_MEANS_SD;

	chart_means(x, t->n, m, by_sd, &t->limits);
	for (unsigned g = 0; g < t->n; g++) {
		double sum = 0.0;
		for (unsigned i = 0; i < m; i++)
			sum += x[g * m + i];
		t->plotted[g] = sum / m;
		t->scatter[g] = spread_of(x + g * m, m, by_sd);
	}
}

static void plot_single(struct trend *t, const double *x)
{
	bool ewma = t->settings->chart == CHART_EWMA;

	chart_individuals(x, t->n, &t->limits);
	for (unsigned i = 0; i < t->n; i++) {
		t->plotted[i] = x[i];
		t->scatter[i] = i ? fabs(x[i] - x[i - 1]) : NAN;
	}
	if (ewma)
		chart_ewma(x, t->n, t->settings->lambda, t->limits.centre, t->limits.within, t->plotted, t->half_width);
}

/* Of an average that remembers, runs are no news: it is held against its own limits alone. */
static void look_for_alarms(struct trend *t)
{
	if (t->settings->chart != CHART_EWMA) {
		t->alarms = rules_apply(&t->settings->rules, t->plotted, t->n, t->limits.centre, t->limits.sigma,
					t->broken);
		return;
	}
	for (unsigned i = 0; i < t->n; i++) {
		t->broken[i] = fabs(t->plotted[i] - t->limits.centre) > t->half_width[i] ? RULE_BIT(RULE_BEYOND) : 0;
		t->alarms += t->broken[i] != 0;
	}
	t->limits.lower = t->limits.centre - t->half_width[t->n - 1];
	t->limits.upper = t->limits.centre + t->half_width[t->n - 1];
}

static void judge(struct trend *t, const double *x, unsigned n)
{
	const struct series *s = t->series;
	double measured = 0.0;

	for (unsigned i = 0; i < s->n; i++) {
		t->judged += s->value[i].judged;
		t->passed += s->value[i].passed;
		measured += s->value[i].u * s->value[i].u / s->n;
	}
	t->judged += s->unjudged;
	t->yield = wilson_interval(t->passed, t->judged, TREND_CONFIDENCE);
	t->measured_share = NAN;
	if (!(t->limits.within > 0.0))
		return;
	capability_of(x, n, &t->limits, s->lower, s->upper, TREND_CONFIDENCE, &t->capability);
	t->measured_share = measured / (t->capability.overall * t->capability.overall);
	t->has_capability = isfinite(s->lower) || isfinite(s->upper);
}

static int make_room(struct trend *t)
{
	t->plotted = calloc(t->n, sizeof(double));
	t->scatter = calloc(t->n, sizeof(double));
	t->broken = calloc(t->n, sizeof(unsigned));
	if (t->settings->chart == CHART_EWMA)
		t->half_width = calloc(t->n, sizeof(double));
	return t->plotted && t->scatter && t->broken && (t->settings->chart != CHART_EWMA || t->half_width) ? 0
													    : -ENOMEM;
}

int trend_of(const struct series *series, const struct trend_settings *settings, struct trend *ret, struct err *err)
{
	unsigned needed = values_needed(settings);

	*ret = (struct trend){.series = series, .settings = settings};
	if (series->n < needed)
		return err_set(err, -ENODATA, "%u value%s, and this chart needs %u", series->n,
			       series->n == 1 ? "" : "s", needed);
	ret->n = in_groups(ret) ? series->n / settings->subgroup : series->n;
	ret->skipped = in_groups(ret) ? series->n % settings->subgroup : 0;
	unsigned n = series->n - ret->skipped;
	double *x = calloc(n, sizeof(*x));
	if (!x || make_room(ret) < 0) {
		free(x);
		return err_set(err, -ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < n; i++)
		x[i] = series->value[ret->skipped + i].value;
	if (in_groups(ret))
		plot_groups(ret, x);
	else
		plot_single(ret, x);
	look_for_alarms(ret);
	judge(ret, x, n);
	free(x);
	return 0;
}

void trend_free(struct trend *t)
{
	free(t->plotted);
	free(t->scatter);
	free(t->half_width);
	free(t->broken);
	*t = (struct trend){.n = 0};
}
