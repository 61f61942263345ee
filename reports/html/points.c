/* Tables of the page: what failed, every attempt with its results, the budget of what was judged, and the model checks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/failures.h"
#include "reports/html/html.h"
#include "rig/record/sessions.h"

/* ---- what is not well -------------------------------------------------------------------------------------------- */

static void failure(void *ctx, const struct failure *f)
{
	FILE *out = ctx;
	char where[120];

	failure_place(f, where, sizeof(where));
	fputs("<li>", out);
	html_outcome(out, f->outcome);
	fputs(": <b>", out);
	html_text(out, f->name);
	fprintf(out, "%s</b>%s", f->kind == FAILURE_TEST ? " test" : "", where[0] ? ", " : "");
	html_text(out, where);
	fprintf(out, ": %s", f->test && !f->test->done ? "not done: " : "");
	html_text(out, f->kind == FAILURE_RESULT ? html_reason(f->finding) : f->reason);
	fputs("\n", out);
}

void html_failures(FILE *out, const struct record *record)
{
	fputs("<ul class=\"failures\">\n", out);
	failures_each(record, failure, out);
	fputs("</ul>\n", out);
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

/* "why", or "of whom: why". */
static bool ends_so(const char *said, const char *why)
{
	size_t len = strlen(said), tail = strlen(why);

	if (len < tail || strcmp(said + len - tail, why) != 0)
		return false;
	return len == tail || (len >= tail + 2 && memcmp(said + len - tail - 2, ": ", 2) == 0);
}

/* A row of its own, as wide as the table: in a column it would be a word wide, or be cut. What is said above the table, of
 * all that it holds, is not said again. */
static void why_row(FILE *out, const struct finding *f, const char *said)
{
	const char *why = f->has_limit && f->judgement.outcome == OUTCOME_PASS ? "" : html_reason(f);

	if (!*why || ends_so(said, why))
		return;
	fputs("<tr class=\"why\"><td colspan=\"5\">", out);
	html_text(out, why);
	fputc('\n', out);
}

static void result_row(FILE *out, const struct finding *f, const char *said)
{
	fputs("<tr><th>", out);
	html_text(out, f->result.name);
	if (f->result.method[0]) {
		fputs(" <small>", out);
		html_text(out, f->result.method);
		fputs("</small>", out);
	}
	fputs("<td class=\"n\">", out);
	html_value(out, f);
	fputs("<td class=\"n\">", out);
	html_limit(out, f);
	fputs("<td>", out);
	html_strip(out, f);
	fputs("<td>", out);
	if (f->has_limit)
		html_outcome(out, f->judgement.outcome);
	else if (!f->result.trusted)
		fputs("not to be trusted", out);
	fputc('\n', out);
	why_row(out, f, said);
}

/* What this bench does not measure, or this plan did not ask for. */
static bool is_idle(const struct finding *f)
{
	return !f->has_limit && !f->result.valid;
}

/* One sentence for each reason. */
static void idle_ones(FILE *out, const struct finding *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		bool told = !is_idle(&results[i]);

		for (unsigned k = 0; k < i && !told; k++)
			told = is_idle(&results[k]) && strcmp(results[k].result.reason, results[i].result.reason) == 0;
		if (told)
			continue;
		fputs("<p><small>Not known, ", out);
		html_text(out, results[i].result.reason);
		for (unsigned k = i; k < count; k++) {
			const struct result *r = &results[k].result;

			if (!is_idle(&results[k]) || strcmp(r->reason, results[i].result.reason) != 0)
				continue;
			fprintf(out, "%s %s%s%s", k == i ? ":" : ",", r->name, r->method[0] ? " " : "", r->method);
		}
		fputs(".</small></p>\n", out);
	}
}

static void result_table(FILE *out, const struct finding *results, unsigned count, const char *said)
{
	fputs("<table class=\"results\"><tr><th>measurand<th>value, 95 %<th>limit<th><th>outcome\n", out);
	for (unsigned limited = 2; limited-- > 0;) /* what is judged comes first */
		for (unsigned i = 0; i < count; i++)
			if (results[i].has_limit == (limited == 1) && !is_idle(&results[i]))
				result_row(out, &results[i], said);
	fputs("</table>\n", out);
	idle_ones(out, results, count);
}

/* ---- budgets ------------------------------------------------------------------------------------------------------ */

#define LINES_SHOWN 12

static int larger_first(const void *a, const void *b)
{
	double x = (*(const struct budget_line *const *)a)->u, y = (*(const struct budget_line *const *)b)->u;

	return (x < y) - (x > y);
}

static void budget(FILE *out, const struct result *r)
{
	const struct budget_line *line[BUDGET_MAX];
	double sum = 0.0, rest = 0.0;

	for (unsigned i = 0; i < r->budget_lines; i++) {
		line[i] = &r->budget[i];
		sum += r->budget[i].u * r->budget[i].u;
	}
	if (r->budget_lines < 2 || !(sum > 0.0))
		return;
	qsort(line, r->budget_lines, sizeof(line[0]), larger_first);
	fputs("<table class=\"budget\"><caption>What makes up the uncertainty of ", out);
	html_text(out, r->name);
	if (r->method[0]) {
		fputs(" (", out);
		html_text(out, r->method);
		fputs(")", out);
	}
	fputs("</caption><tr><th>input<th>u, ", out);
	html_text(out, r->unit);
	fputs("<th>share of the sum of squares\n", out);
	for (unsigned i = 0; i < r->budget_lines; i++) {
		double share = line[i]->u * line[i]->u / sum;

		if (i >= LINES_SHOWN) {
			rest += share;
			continue;
		}
		fputs("<tr><th>", out);
		html_text(out, line[i]->name);
		fprintf(out, "<td class=\"n\">%.3g<td>", line[i]->u);
		html_bar(out, share);
		fprintf(out, " %.1f %%\n", 100.0 * share);
	}
	if (r->budget_lines > LINES_SHOWN)
		fprintf(out, "<tr><th>%u smaller ones<td><td>%.2g %%\n", r->budget_lines - LINES_SHOWN, 100.0 * rest);
	fputs("</table>\n", out);
}

/* ---- model checks ------------------------------------------------------------------------------------------------- */

static void figure(FILE *out, double value)
{
	fputs("<td class=\"n\">", out);
	if (isfinite(value))
		fprintf(out, "%.4g", value);
}

static void checks(FILE *out, const struct record_point *p)
{
	if (!p->checks)
		return;
	fputs("<table class=\"checks\"><caption>Does the signal fit the "
	      "model?</caption><tr><th>check<th>state<th>statistic"
	      "<th>threshold<th>effect, mm<th>u in the budget, mm<th>why\n",
	      out);
	for (unsigned i = 0; i < p->checks; i++) {
		const struct check_result *c = &p->check[i];
		bool well = c->state == CHECK_PASSED || c->state == CHECK_ABSENT;

		fputs("<tr><th>", out);
		html_text(out, c->name);
		fprintf(out, "<td>%s%s", well ? "" : "&#9650; ", check_state_name(c->state));
		figure(out, c->statistic);
		figure(out, c->threshold);
		figure(out, c->effect_mm);
		figure(out, c->u_mm);
		fputs("<td>", out);
		html_text(out, c->reason);
		fputs("\n", out);
	}
	fputs("</table>\n", out);
}

/* ---- points ------------------------------------------------------------------------------------------------------- */

static int point(FILE *out, const struct record *record, unsigned i, struct runfile_reader *reader, struct err *err)
{
	const struct record_point *p = &record->point[i];
	char session[SESSION_TEXT_MAX];
	int rc = 0;

	fprintf(out, "<section class=\"point\"><h3>Point %u: %.6g mm, %.6g Hz", p->plan.number + 1, p->plan.depth_mm,
		p->plan.rate_hz);
	if (p->attempt > 1 || !p->counts)
		fprintf(out, ", attempt %u%s", p->attempt, p->counts ? "" : " (does not count)");
	fputs(session_text(record, p->session, session), out);
	fputs(": ", out);
	html_outcome(out, p->outcome);
	fputs("</h3>\n", out);
	if (!p->measured)
		fputs("<p>It did not come to its end.</p>\n", out);
	if (p->reason[0]) {
		fputs("<p>", out);
		html_text(out, p->reason);
		fputs("</p>\n", out);
	}
	if (p->results)
		result_table(out, p->result, p->results, p->reason);
	if (reader && !p->session)
		rc = html_strokes(out, record, i, reader, err);
	fputs("<div class=\"budgets\">\n", out);
	for (unsigned k = 0; k < p->results; k++)
		if (p->result[k].has_limit)
			budget(out, &p->result[k].result);
	fputs("</div>\n", out);
	checks(out, p);
	fputs("</section>\n", out);
	return rc;
}

int html_points(FILE *out, const struct record *record, struct runfile_reader *reader, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < record->points && rc == 0; i++)
		rc = point(out, record, i, reader, err);
	return rc;
}

/* A sweep that nobody asked for and that came to nothing is no news. */
static bool says_something(const struct record_sweep *sweep)
{
	for (unsigned i = 0; i < sweep->results; i++)
		if (sweep->result[i].has_limit || sweep->result[i].result.valid)
			return true;
	return false;
}

void html_sweeps(FILE *out, const struct record *record)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		if (!says_something(&record->sweep[i]))
			continue;
		fprintf(out, "<section class=\"point\"><h3>Step %u at %.6g Hz, over all depths</h3>\n",
			record->sweep[i].step + 1, record->sweep[i].rate_hz);
		result_table(out, record->sweep[i].result, record->sweep[i].results, "");
		html_sweep_graphs(out, record, &record->sweep[i]);
		fputs("</section>\n", out);
	}
}
