/* Trends as a page: one file, no script, nothing from elsewhere; prints on A4. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/draw/control_picture.h"
#include "reports/html/html.h"
#include "rig/cli/trend.h"

static void cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	html_text(out, text);
}

static void put_index(FILE *out, const char *name, const char *sigma, struct interval i)
{
	if (isfinite(i.value))
		fprintf(out, "<tr><th>%s<td>%s<td class=\"n\">%.2f<td class=\"n\">%.2f to %.2f\n", name, sigma, i.value,
			i.lo, i.hi);
}

static void put_capability(FILE *out, const struct trend *t)
{
	const struct series *s = t->series;
	const struct capability *c = &t->capability;

	fputs("<table><caption>Capability, 95 % intervals</caption><tr><th>index<th>by the "
	      "sigma<th>value<th>interval\n",
	      out);
	put_index(out, "Cp", "within", c->cp);
	put_index(out, "Cpk", "within", c->cpk);
	put_index(out, "Pp", "overall", c->pp);
	put_index(out, "Ppk", "overall", c->ppk);
	fputs("</table>\n<p>Limits of the product: ", out);
	if (isfinite(s->lower))
		fprintf(out, "%s %.6g ", isfinite(s->upper) ? "" : "from", s->lower);
	if (isfinite(s->upper))
		fprintf(out, "%s %.6g ", isfinite(s->lower) ? "to" : "up to", s->upper);
	html_text(out, s->unit);
	fputs(s->limits_changed ? ", the newest: older values met others.</p>\n" : ".</p>\n", out);
}

static void put_figures(FILE *out, const struct trend *t)
{
	const struct series *s = t->series;

	fprintf(out, "<p>%u values, %.10s to %.10s%s; mean %.5g ", s->n, s->value[0].started,
		s->value[s->n - 1].started, t->n < TREND_ROUGH ? " (limits of so few are rough)" : "",
		t->limits.centre);
	html_text(out, s->unit);
	fprintf(out, ", sigma within %.4g, control limits %.5g and %.5g.", t->limits.within, t->limits.lower,
		t->limits.upper);
	if (t->skipped)
		fprintf(out, " The oldest %u fill no subgroup of %u and are left out.", t->skipped,
			t->settings->subgroup);
	if (t->judged)
		fprintf(out, " Yield: %u of %u pass, %.2f %% [%.2f, %.2f].", t->passed, t->judged,
			100.0 * t->yield.value, 100.0 * t->yield.lo, 100.0 * t->yield.hi);
	if (s->unjudged)
		fprintf(out, " %u could not be judged.", s->unjudged);
	if (isfinite(t->measured_share))
		fprintf(out, " The stated uncertainty alone would make %.0f %% of the variance.",
			100.0 * t->measured_share);
	fputs("</p>\n", out);
}

/* What the figures do not show by themselves. */
static void put_warnings(FILE *out, const struct series *s)
{
	if (s->oldest_method != s->newest_method)
		fprintf(out,
			"<p class=\"alarm\">Versions %u to %u of the method derived these values: a step between them "
			"may be the "
			"method's.</p>\n",
			s->oldest_method, s->newest_method);
	if (s->failed_later)
		fprintf(out, "<p class=\"alarm\">%u of these runs failed by a verdict that was formed later.</p>\n",
			s->failed_later);
	if (s->repeated)
		fprintf(out, "<p>%u values of recordings that were imported again are left out.</p>\n", s->repeated);
}

static void put_alarms(FILE *out, const struct trend *t)
{
	char value[48], rules[300];

	if (!t->alarms) {
		fputs("<p>No rule is broken.</p>\n", out);
		return;
	}
	fputs("<table><caption>Values that break a rule</caption><tr><th>started, "
	      "UTC<th>unit<th>run<th>value<th>rules\n",
	      out);
	for (unsigned i = 0; i < t->n; i++) {
		const struct series_value *v = trend_last_value(t, i);
		if (!t->broken[i])
			continue;
		trend_rules(t->broken[i], rules, sizeof(rules));
		snprintf(value, sizeof(value), "%.5g %s", t->plotted[i], t->series->unit);
		fprintf(out, "<tr><td class=\"n\">%.19s", v->started);
		cell(out, v->dut);
		cell(out, v->run);
		cell(out, value);
		cell(out, rules);
		fputc('\n', out);
	}
	fputs("</table>\n", out);
}

static int put_trend(FILE *out, const char *measurand, const struct trend *t)
{
	char title[200];

	trend_title(measurand, t->series, title, sizeof(title));
	fputs("<section><h2>", out);
	html_text(out, title);
	if (*t->series->phantom) {
		fputs(", phantom ", out);
		html_text(out, t->series->phantom);
	}
	fputs("</h2>\n<figure>\n", out);
	control_page_begin_inline(out, title);
	int rc = trend_draw_one(out, measurand, t, 0);
	control_page_end(out);
	fputs("</figure>\n", out);
	put_figures(out, t);
	put_warnings(out, t->series);
	if (t->has_capability)
		put_capability(out, t);
	put_alarms(out, t);
	fputs("</section>\n", out);
	return rc;
}

int trend_page(const char *path, const char *measurand, const struct trend *trend, unsigned count, struct err *err)
{
	FILE *out = fopen(path, "we");
	int rc = out ? 0 : -errno;

	if (!out)
		return err_set(err, rc, "cannot create %s: %s", path, strerror(-rc));
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", out);
	html_text(out, measurand);
	fprintf(out,
		" over many runs</title>\n<meta name=\"viewport\" "
		"content=\"width=device-width\">\n<style>%sfigure{margin:14px "
		"0;break-inside:avoid}figure svg{max-width:100%%;height:auto}</style></head>\n<body>\n<h1>",
		html_style);
	html_text(out, measurand);
	fputs("</h1>\n", out);
	for (unsigned i = 0; i < count && !rc; i++)
		rc = put_trend(out, measurand, &trend[i]);
	fputs("</body></html>\n", out);
	if (!rc && ferror(out))
		rc = -EIO;
	if (fclose(out) != 0 && !rc)
		rc = -errno;
	return rc ? err_set(err, rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}
