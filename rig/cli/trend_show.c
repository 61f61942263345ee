/* A trend for people: in words, drawn in letters, as a picture. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/control_picture.h"
#include "rig/base/text_clean.h"
#include "rig/cli/trend.h"

#define ROWS        11 /* of the chart in letters */
#define LABEL_WIDTH 11
#define LIST_MAX    20 /* alarms that are told one by one */

void trend_title(const char *measurand, const struct series *s, char *ret, size_t size)
{
	char at[80] = "";

	if (s->sweep)
		snprintf(at, sizeof(at), "sweeps at %.6g Hz", s->rate_hz);
	else if (isfinite(s->depth_mm))
		snprintf(at, sizeof(at), "%.6g mm, %.6g Hz", s->depth_mm, s->rate_hz);
	else
		snprintf(at, sizeof(at), "%.6g Hz", s->rate_hz);
	snprintf(ret, size, "%s%s%s%s at %s", measurand, *s->method ? " (" : "", s->method, *s->method ? ")" : "", at);
}

static const char *chart_name(const struct trend *t)
{
	static const char *const name[CHARTS] = {[CHART_INDIVIDUALS] = "individuals and moving range",
						 [CHART_MEANS_RANGE] = "means and ranges",
						 [CHART_MEANS_SD] = "means and standard deviations",
						 [CHART_EWMA] = "exponentially weighted moving average"};
	return name[t->settings->chart];
}

/* ---- in letters ---------------------------------------------------------------------------------------------------- */

struct letters {
	double lo, hi;
	unsigned first, columns;
};

static int row_of(const struct letters *l, double y)
{
	return (int)lround((l->hi - y) / (l->hi - l->lo) * (ROWS - 1));
}

static char letter_at(const struct trend *t, const struct letters *l, int row, unsigned i)
{
	if (row_of(l, t->plotted[i]) == row)
		return t->broken[i] ? 'X' : 'o';
	if (row == row_of(l, t->limits.upper) || row == row_of(l, t->limits.lower))
		return '-';
	return row == row_of(l, t->limits.centre) ? '.' : ' ';
}

static const char *row_name(const struct trend *t, const struct letters *l, int row, double *ret)
{
	const struct {
		double y;
		const char *name;
	} level[] = {{t->limits.upper, "UCL"}, {t->limits.centre, "mean"}, {t->limits.lower, "LCL"}};

	for (unsigned i = 0; i < 3; i++)
		if (row_of(l, level[i].y) == row) {
			*ret = level[i].y;
			return level[i].name;
		}
	return NULL;
}

static void print_letters(const struct trend *t, unsigned width)
{
	unsigned room = width > LABEL_WIDTH + 28 ? width - LABEL_WIDTH - 8 : 20;
	struct letters l = {.lo = t->limits.lower, .hi = t->limits.upper, .columns = t->n < room ? t->n : room};

	l.first = t->n - l.columns;
	for (unsigned i = l.first; i < t->n; i++) {
		l.lo = fmin(l.lo, t->plotted[i]);
		l.hi = fmax(l.hi, t->plotted[i]);
	}
	if (!(l.hi > l.lo))
		return;
	for (int row = 0; row < ROWS; row++) {
		double y = 0.0;
		const char *name = row_name(t, &l, row, &y);

		if (name)
			printf("  %4s %*.4g |", name, LABEL_WIDTH, y);
		else
			printf("  %4s %*s |", "", LABEL_WIDTH, "");
		for (unsigned i = l.first; i < t->n; i++)
			putchar(letter_at(t, &l, row, i));
		putchar('\n');
	}
	if (l.first)
		printf("  the last %u of %u\n", l.columns, t->n);
}

/* ---- in words ------------------------------------------------------------------------------------------------------ */

static void print_index(const char *name, struct interval i)
{
	if (isfinite(i.value))
		printf("  %s %.2f [%.2f, %.2f]", name, i.value, i.lo, i.hi);
}

static void print_limits(const struct series *s)
{
	bool both = isfinite(s->lower) && isfinite(s->upper);

	if (isfinite(s->lower))
		printf("%s%.6g", both ? "" : "from ", s->lower);
	if (isfinite(s->upper))
		printf("%s%.6g", both ? " to " : "up to ", s->upper);
	printf(" %s", s->unit);
}

static void print_yield(const struct trend *t)
{
	printf("  yield       %u of %u pass: %.2f %% [%.2f, %.2f]", t->passed, t->judged, 100.0 * t->yield.value,
	       100.0 * t->yield.lo, 100.0 * t->yield.hi);
	if (t->series->unjudged)
		printf("; %u could not be judged", t->series->unjudged);
	putchar('\n');
}

/* What the figures do not show by themselves. */
static void print_warnings(const struct trend *t)
{
	const struct series *s = t->series;

	if (s->oldest_method != s->newest_method)
		printf("  methods     versions %u to %u derived these values: a step between them may be the method's "
		       "(penrig requalify)\n",
		       s->oldest_method, s->newest_method);
	if (s->failed_later)
		printf("  later       %u of these runs failed by a verdict that was formed later\n", s->failed_later);
	if (s->repeated)
		printf("  recordings  %u value%s of recordings that were imported again are left out\n", s->repeated,
		       s->repeated == 1 ? "" : "s");
}

static void print_capability(const struct trend *t)
{
	const struct series *s = t->series;

	if (t->has_capability) {
		printf("  limits      ");
		print_limits(s);
		printf("%s\n  within    ", s->limits_changed ? ", the newest: older values met others" : "");
		print_index("Cp", t->capability.cp);
		print_index("Cpk", t->capability.cpk);
		printf("\n  overall   ");
		print_index("Pp", t->capability.pp);
		print_index("Ppk", t->capability.ppk);
		putchar('\n');
	}
	if (t->judged)
		print_yield(t);
	if (isfinite(t->measured_share))
		printf("  measured    the stated uncertainty alone would make %.0f %% of the variance\n",
		       100.0 * t->measured_share);
}

void trend_rules(unsigned broken, char *ret, size_t size)
{
	size_t len = 0;

	*ret = '\0';
	for (unsigned rule = 0; rule < RUN_RULES; rule++)
		if (broken & RULE_BIT(rule) && len < size)
			len += (size_t)snprintf(ret + len, size - len, "%s%s", len ? "; " : "", run_rule_text[rule]);
}

static void print_alarms(const struct trend *t)
{
	unsigned told = 0;
	char text[300];

	for (unsigned i = 0; i < t->n && told < LIST_MAX; i++) {
		if (!t->broken[i])
			continue;
		const struct series_value *v = trend_last_value(t, i);
		trend_rules(t->broken[i], text, sizeof(text));
		printf("  X %.19s  ", v->started);
		print_clean(stdout, v->run);
		printf(": %.5g %s, %s\n", t->plotted[i], t->series->unit, text);
		told++;
	}
	if (t->alarms > told)
		printf("  ... and %u more\n", t->alarms - told);
}

void trend_print(const char *measurand, const struct trend *t, unsigned width)
{
	char title[200];
	const struct series *s = t->series;

	trend_title(measurand, s, title, sizeof(title));
	printf("%s\n", title);
	printf("  %u values, %.10s to %.10s; %s%s\n", s->n, s->value[0].started, s->value[s->n - 1].started,
	       chart_name(t), t->n < TREND_ROUGH ? "; limits of so few values are rough" : "");
	if (t->skipped)
		printf("  the oldest %u fill no subgroup of %u and are left out\n", t->skipped, t->settings->subgroup);
	printf("  mean %.5g %s, sigma within %.4g, control limits %.5g and %.5g\n", t->limits.centre, s->unit,
	       t->limits.within, t->limits.lower, t->limits.upper);
	print_capability(t);
	print_warnings(t);
	print_letters(t, width);
	print_alarms(t);
	if (!t->alarms)
		printf("  no rule is broken\n");
}

/* ---- as a picture -------------------------------------------------------------------------------------------------- */

static void picture_words(const struct trend *t, char *ret, size_t size)
{
	const struct capability *c = &t->capability;
	int n = snprintf(ret, size, "%s", chart_name(t));

	if (t->has_capability && n > 0 && (size_t)n < size)
		n += snprintf(ret + n, size - (size_t)n, "; Cpk %.2f [%.2f, %.2f], Ppk %.2f [%.2f, %.2f]", c->cpk.value,
			      c->cpk.lo, c->cpk.hi, c->ppk.value, c->ppk.lo, c->ppk.hi);
	if (n > 0 && (size_t)n < size)
		n += snprintf(ret + n, size - (size_t)n, "; %u alarm%s", t->alarms, t->alarms == 1 ? "" : "s");
	if (t->series->oldest_method != t->series->newest_method && n > 0 && (size_t)n < size)
		snprintf(ret + n, size - (size_t)n, "; METHOD VERSIONS %u TO %u", t->series->oldest_method,
			 t->series->newest_method);
}

/* So many of them as can be read: the others are left blank by the frame. */
static void name_values(const struct trend *t, char (*label)[24], bool *broken)
{
	for (unsigned i = 0; i < t->n; i++) {
		snprintf(label[i], sizeof(label[i]), "%.10s", trend_last_value(t, i)->started);
		broken[i] = t->broken[i] != 0;
	}
}

int trend_draw_one(FILE *out, const char *measurand, const struct trend *t, unsigned number)
{
	static const char *const scatter_name[CHARTS] = {[CHART_INDIVIDUALS] = "moving range",
							 [CHART_MEANS_RANGE] = "range",
							 [CHART_MEANS_SD] = "sd",
							 [CHART_EWMA] = "moving range"};
	char title[200], words[300], value_label[64], scatter_label[64];
	char(*label)[24] = calloc(t->n, sizeof(*label));
	bool *broken = calloc(t->n, sizeof(*broken));
	bool grouped = t->settings->chart != CHART_INDIVIDUALS;

	if (label && broken) {
		trend_title(measurand, t->series, title, sizeof(title));
		picture_words(t, words, sizeof(words));
		snprintf(value_label, sizeof(value_label), "%s / %s", measurand, t->series->unit);
		snprintf(scatter_label, sizeof(scatter_label), "%s", scatter_name[t->settings->chart]);
		name_values(t, label, broken);
		control_picture_draw(out,
				     &(struct control_picture){
					     .title = title,
					     .words = words,
					     .value_label = value_label,
					     .scatter_label = scatter_label,
					     .n = t->n,
					     .value = t->plotted,
					     .broken = broken,
					     .half_width = t->half_width,
					     .centre = t->limits.centre,
					     .lower = t->limits.lower,
					     .upper = t->limits.upper,
					     .spec_lower = grouped ? NAN : t->series->lower,
					     .spec_upper = grouped ? NAN : t->series->upper,
					     .label = (const char(*)[24])label,
					     .scatter = t->scatter,
					     .scatter_centre = t->limits.scatter_centre,
					     .scatter_upper = t->limits.scatter_upper,
					     .scatter_lower = t->limits.scatter_lower,
				     },
				     number);
	}
	int rc = label && broken ? 0 : -ENOMEM;
	free(label);
	free(broken);
	return rc;
}

int trend_draw(const char *path, const char *measurand, const struct trend *trend, unsigned count, struct err *err)
{
	FILE *out = fopen(path, "we");
	int rc = out ? 0 : -errno;

	if (!out)
		return err_set(err, rc, "cannot create %s: %s", path, strerror(-rc));
	control_page_begin(out, count);
	for (unsigned i = 0; i < count && !rc; i++)
		rc = trend_draw_one(out, measurand, &trend[i], i);
	control_page_end(out);
	if (!rc && ferror(out))
		rc = -EIO;
	if (fclose(out) != 0 && !rc)
		rc = -errno;
	return rc ? err_set(err, rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}
