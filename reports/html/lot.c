/* The page of several runs. */
#include "reports/html/lot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/svg.h"
#include "reports/failures.h"
#include "reports/html/html.h"
#include "rig/judge/verdict.h"

#define GRAPH_W   1080
#define GRAPH_H   260
#define NAMED_MAX 24  /* runs whose units are named beneath a picture; more are numbered */
#define BARS_MAX  400 /* beyond it, U bars would cover each other */
#define LIMIT_PX  "#b91c1c"

struct mark { /* of one run in a group */
	unsigned run;
	double value, u; /* NAN: none that is trusted */
	enum outcome outcome;
};

struct group {
	struct lot_group said;
	enum measurand id;
	char method[32], phantom[64], words[240];
	double depth_mm, rate_hz;
	unsigned marks, room;
	struct mark *mark;
	double *value;
};

struct unit {
	char dut[64];
	unsigned runs;
	enum outcome worst;
	bool verdict; /* all of its runs have one */
};

struct lot {
	char lot[64]; /* of the first */
	bool mixed;   /* others have another */
	unsigned runs;
	FILE *rows, *sections; /* files without a name */
	unsigned groups, units;
	struct group *group;
	struct unit *unit;
	char (*name)[24]; /* of each run's unit */
};

int lot_new(struct lot **ret, struct err *err)
{
	struct lot *lot = calloc(1, sizeof(*lot));

	if (!lot)
		return err_set(err, -ENOMEM, "out of memory");
	lot->rows = tmpfile();
	lot->sections = tmpfile();
	if (!lot->rows || !lot->sections) {
		lot_free(lot);
		return err_set(err, -EIO, "a file for the rows cannot be made: %s", strerror(errno));
	}
	*ret = lot;
	return 0;
}

void lot_free(struct lot *lot)
{
	if (!lot)
		return;
	for (unsigned i = 0; i < lot->groups; i++) {
		free(lot->group[i].mark);
		free(lot->group[i].value);
	}
	if (lot->rows)
		fclose(lot->rows);
	if (lot->sections)
		fclose(lot->sections);
	free(lot->group);
	free(lot->unit);
	free(lot->name);
	free(lot);
}

/* ---- what is kept of a run ---------------------------------------------------------------------------------------- */

static bool same_number(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static struct group *group_of(struct lot *lot, const struct finding *f, double depth_mm, double rate_hz,
			      const char *phantom)
{
	const struct result *r = &f->result;

	for (unsigned i = 0; i < lot->groups; i++) {
		struct group *g = &lot->group[i];
		if (g->id == r->id && strcmp(g->method, r->method) == 0 && same_number(g->depth_mm, depth_mm) &&
		    same_number(g->rate_hz, rate_hz) && strcmp(g->phantom, phantom) == 0)
			return g;
	}
	struct group *more = realloc(lot->group, (lot->groups + 1) * sizeof(*more));
	if (!more)
		return NULL;
	lot->group = more;
	struct group *g = &more[lot->groups++];
	*g = (struct group){.id = r->id, .depth_mm = depth_mm, .rate_hz = rate_hz};
	snprintf(g->method, sizeof(g->method), "%s", r->method);
	snprintf(g->phantom, sizeof(g->phantom), "%s", phantom);
	snprintf(g->said.unit, sizeof(g->said.unit), "%s", r->unit);
	g->said.lower = f->limit.has_lower ? f->limit.lower : NAN;
	g->said.upper = f->limit.has_upper ? f->limit.upper : NAN;
	int n = snprintf(g->said.title, sizeof(g->said.title), "%s%s%s", r->name, *r->method ? ", " : "", r->method);
	if (!isnan(depth_mm))
		n += snprintf(g->said.title + n, sizeof(g->said.title) - (size_t)n, ", %.4g mm", depth_mm);
	if (!isnan(rate_hz))
		n += snprintf(g->said.title + n, sizeof(g->said.title) - (size_t)n, ", %.4g Hz", rate_hz);
	if (*phantom)
		snprintf(g->said.title + n, sizeof(g->said.title) - (size_t)n, ", %s", phantom);
	return g;
}

static int add_mark(struct lot *lot, const struct finding *f, double depth_mm, double rate_hz, const char *phantom)
{
	struct group *g = group_of(lot, f, depth_mm, rate_hz, phantom);
	bool trusted = f->result.valid && f->result.trusted && isfinite(f->result.value);

	if (!g)
		return -ENOMEM;
	if (g->marks == g->room) {
		unsigned room = g->room ? 2 * g->room : 16;
		struct mark *marks = realloc(g->mark, room * sizeof(*marks));
		g->mark = marks ? marks : g->mark;
		double *values = realloc(g->value, room * sizeof(*values));
		g->value = values ? values : g->value;
		if (!marks || !values)
			return -ENOMEM;
		g->room = room;
	}
	g->mark[g->marks++] = (struct mark){.run = lot->runs,
					    .value = trusted ? f->result.value : NAN,
					    .u = trusted ? f->result.expanded_u : NAN,
					    .outcome = f->judgement.outcome};
	if (trusted)
		g->value[g->said.values++] = f->result.value;
	else
		g->said.missing++;
	g->said.limits_differ |= !same_number(g->said.lower, f->limit.has_lower ? f->limit.lower : NAN) ||
				 !same_number(g->said.upper, f->limit.has_upper ? f->limit.upper : NAN);
	return 0;
}

static const char *phantom_of(const struct record *r, int phantom)
{
	return phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? r->phantom_serial[phantom] : "";
}

static int add_marks(struct lot *lot, const struct record *r)
{
	int rc = 0;

	for (unsigned i = 0; i < r->points && !rc; i++) {
		const struct record_point *p = &r->point[i];
		const char *phantom = phantom_of(r, p->plan.phantom);
		for (unsigned k = 0; p->counts && k < p->results && !rc; k++)
			if (p->result[k].has_limit)
				rc = add_mark(lot, &p->result[k], p->plan.depth_mm, p->plan.rate_hz, phantom);
	}
	for (unsigned i = 0; i < r->sweeps && !rc; i++)
		for (unsigned k = 0; k < r->sweep[i].results && !rc; k++)
			if (r->sweep[i].result[k].has_limit)
				rc = add_mark(lot, &r->sweep[i].result[k], NAN, r->sweep[i].rate_hz,
					      phantom_of(r, r->sweep[i].phantom));
	return rc;
}

/* A unit counts by the worst of its runs: a later pass takes no failure back here. */
static int add_unit(struct lot *lot, const struct record *r, enum outcome outcome)
{
	unsigned i = 0;

	while (i < lot->units && strcmp(lot->unit[i].dut, r->dut) != 0)
		i++;
	if (i == lot->units) {
		struct unit *more = realloc(lot->unit, (i + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		lot->unit = more;
		more[lot->units++] = (struct unit){.worst = OUTCOME_PASS, .verdict = true};
		snprintf(more[i].dut, sizeof(more[i].dut), "%s", r->dut);
	}
	struct unit *u = &lot->unit[i];
	u->runs++;
	u->verdict &= r->has_verdict;
	u->worst = outcome > u->worst ? outcome : u->worst;
	char(*names)[24] = realloc(lot->name, (lot->runs + 1) * sizeof(*names));
	if (!names)
		return -ENOMEM;
	lot->name = names;
	snprintf(names[lot->runs], sizeof(names[0]), "%.23s", r->dut);
	return 0;
}

/* ---- a run: its row, its section ---------------------------------------------------------------------------------- */

struct telling {
	FILE *out;
	unsigned told, most; /* rows of failures; most 0: all */
};

static void tell_failure(void *ctx, const struct failure *failure)
{
	struct telling *t = ctx;
	char place[200];

	if (t->most && t->told++ >= t->most)
		return;
	failure_place(failure, place, sizeof(place));
	fputs("<div>", t->out);
	html_outcome(t->out, failure->outcome);
	fputc(' ', t->out);
	html_text(t->out, failure->name);
	if (place[0]) {
		fputs(", ", t->out);
		html_text(t->out, place);
	}
	fputs(": ", t->out);
	html_text(t->out, failure->reason);
	fputs("</div>", t->out);
}

static void put_verdict(FILE *out, const struct lot_run *run)
{
	const struct record *r = run->record;

	if (r->has_verdict)
		html_verdict(out, r);
	else
		fputs("<span class=\"none\">&#9633; no verdict</span>", out);
	if (r->moved && !r->stop_verified)
		fputs("<br><span class=\"fail\">&#10005; STOP UNVERIFIED</span>", out);
	if (run->later[0]) {
		fputs("<br><small>later: ", out);
		html_text(out, run->later);
		fputs("</small>", out);
	}
}

static void put_row(struct lot *lot, const struct lot_run *run)
{
	const struct record *r = run->record;

	struct telling t = {.out = lot->rows, .most = 1};
	unsigned failures = failures_each(r, NULL, NULL);

	fprintf(lot->rows, "<tr><td class=\"n\"><a href=\"#run-%u\">%u</a><td class=\"dut\">", lot->runs + 1,
		lot->runs + 1);
	html_text(lot->rows, r->dut);
	fputs("<td>", lot->rows);
	put_verdict(lot->rows, run);
	fprintf(lot->rows, "<td class=\"n\">%.10s %.5s<td>", r->started_utc,
		r->started_utc[0] ? r->started_utc + 11 : "");
	failures_each(r, tell_failure, &t);
	if (failures > 1)
		fprintf(lot->rows, "<small>and %u more: <a href=\"#run-%u\">all</a></small>", failures - 1,
			lot->runs + 1);
	fputc('\n', lot->rows);
}

static void put_judged(FILE *out, const struct finding *f, const char *where)
{
	fputs("<tr><td>", out);
	html_text(out, f->result.name);
	fputs("<td class=\"n\">", out);
	html_text(out, where);
	fputs("<td class=\"n\">", out);
	html_value(out, f);
	fputs("<td class=\"n\">", out);
	html_limit(out, f);
	fputs("<td>", out);
	html_outcome(out, f->judgement.outcome);
	fputs("<td>", out);
	html_strip(out, f);
	fputc('\n', out);
}

static void put_results(FILE *out, const struct record *r)
{
	char where[80];

	fputs("<table><tr><th>measurand<th>at<th>value<th>limit<th>outcome<th>\n", out);
	for (unsigned i = 0; i < r->points; i++) {
		const struct record_point *p = &r->point[i];
		snprintf(where, sizeof(where), "point %u: %.4g mm, %.4g Hz", p->plan.number + 1, p->plan.depth_mm,
			 p->plan.rate_hz);
		for (unsigned k = 0; p->counts && k < p->results; k++)
			if (p->result[k].has_limit)
				put_judged(out, &p->result[k], where);
	}
	for (unsigned i = 0; i < r->sweeps; i++) {
		snprintf(where, sizeof(where), "step %u at %.4g Hz", r->sweep[i].step + 1, r->sweep[i].rate_hz);
		for (unsigned k = 0; k < r->sweep[i].results; k++)
			if (r->sweep[i].result[k].has_limit)
				put_judged(out, &r->sweep[i].result[k], where);
	}
	fputs("</table>\n", out);
}

static void put_section(struct lot *lot, const struct lot_run *run)
{
	const struct record *r = run->record;

	struct telling t = {.out = lot->sections};
	FILE *out = lot->sections;

	fprintf(out, "<section id=\"run-%u\"><h3>%u. ", lot->runs + 1, lot->runs + 1);
	html_text(out, r->dut);
	fputs(" &nbsp; ", out);
	put_verdict(out, run);
	fputs("</h3>\n<p><small>", out);
	html_text(out, r->plan_name);
	fputs(" on ", out);
	html_text(out, r->bench_name);
	fputs(r->operator_name[0] ? ", by " : "", out);
	html_text(out, r->operator_name);
	fprintf(out, ", %.19s UTC, run %s; <a href=\"", r->started_utc, run_status_name(r->run_status));
	html_text(out, run->path);
	fputs("\">", out);
	html_text(out, r->name);
	fputs("</a></small></p>\n", out);
	failures_each(r, tell_failure, &t);
	put_results(out, r);
	fputs("</section>\n", out);
}

/* By which a unit counts: what a person or other limits took back is no pass, and the word of a witness is no measurement. */
static enum outcome counted(const struct lot_run *run)
{
	const struct record *r = run->record;
	enum outcome own = r->has_verdict ? r->dut_verdict : OUTCOME_PASS;

	if (r->has_verdict && own == OUTCOME_PASS && r->origin.path[0])
		own = OUTCOME_CONDITIONAL_PASS;
	if (r->moved && !r->stop_verified && own < OUTCOME_INCONCLUSIVE)
		own = OUTCOME_INCONCLUSIVE;
	return run->worst_later > own ? run->worst_later : own;
}

int lot_add(struct lot *lot, const struct lot_run *run, struct err *err)
{
	const struct record *r = run->record;
	int rc = add_unit(lot, r, counted(run));

	if (!rc && !run->part)
		rc = add_marks(lot, r);
	if (rc)
		return err_set(err, rc, "out of memory");
	if (!lot->runs)
		snprintf(lot->lot, sizeof(lot->lot), "%s", r->lot);
	lot->mixed |= strcmp(lot->lot, r->lot) != 0;
	put_row(lot, run);
	put_section(lot, run);
	lot->runs++;
	return ferror(lot->rows) || ferror(lot->sections)
		       ? err_set(err, -EIO, "rows cannot be kept: %s", strerror(errno))
		       : 0;
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

unsigned lot_groups(const struct lot *lot)
{
	return lot->groups;
}

void lot_group(const struct lot *lot, unsigned i, struct lot_group *ret)
{
	*ret = lot->group[i].said;
	ret->value = lot->group[i].value;
}

void lot_say(struct lot *lot, unsigned i, const char *text)
{
	snprintf(lot->group[i].words, sizeof(lot->group[i].words), "%s", text);
}

static void include(double *lo, double *hi, double value)
{
	if (!isfinite(value))
		return;
	*lo = fmin(*lo, value);
	*hi = fmax(*hi, value);
}

static void draw_marks(const struct svg_axes *a, const struct group *g)
{
	static const enum svg_shape shapes[] = {[SIGN_DISC] = SVG_DISC,
						[SIGN_TRIANGLE] = SVG_TRIANGLE,
						[SIGN_SQUARE] = SVG_SQUARE,
						[SIGN_CROSS] = SVG_CROSS};

	for (unsigned i = 0; i < g->marks; i++) {
		const struct mark *m = &g->mark[i];
		if (isnan(m->value))
			continue;
		if (g->marks <= BARS_MAX && isfinite(m->u))
			svg_segment(a, m->run + 1, m->value - m->u, m->run + 1, m->value + m->u, SVG_INK);
		svg_mark(a, m->run + 1, m->value, shapes[html_sign_of(m->outcome)], SVG_DATA);
	}
}

static void draw_group(FILE *out, const struct lot *lot, const struct group *g, unsigned number)
{
	struct svg_axes a = {.out = out,
			     .left = 84,
			     .top = 34,
			     .width = GRAPH_W - 100,
			     .height = GRAPH_H - 84,
			     .x0 = 0.4,
			     .x1 = lot->runs + 0.6,
			     .y0 = INFINITY,
			     .y1 = -INFINITY};
	char clip[24], label[40];

	include(&a.y0, &a.y1, g->said.lower);
	include(&a.y0, &a.y1, g->said.upper);
	for (unsigned i = 0; i < g->marks; i++) {
		double reach = isfinite(g->mark[i].u) ? g->mark[i].u : 0.0;
		include(&a.y0, &a.y1, g->mark[i].value - reach);
		include(&a.y0, &a.y1, g->mark[i].value + reach);
	}
	if (!(a.y0 <= a.y1))
		return;
	if (a.y0 == a.y1) { /* a count and its limit */
		a.y0 -= 1.0;
		a.y1 += 1.0;
	}
	svg_range(&a.y0, &a.y1, 0.08);
	snprintf(clip, sizeof(clip), "lot%u", number);
	snprintf(label, sizeof(label), "%s", strcmp(g->said.unit, "1") == 0 ? "" : g->said.unit);
	svg_begin_inline(out, GRAPH_W, GRAPH_H, g->said.title);
	svg_heading(out, a.left, 20, 14, g->said.title);
	if (lot->runs <= NAMED_MAX)
		svg_frame_named(&a, lot->name, lot->runs, "unit", label);
	else
		svg_frame(&a, "run", label);
	svg_clip_begin(&a, clip);
	if (!isnan(g->said.lower))
		svg_segment(&a, a.x0, g->said.lower, a.x1, g->said.lower, LIMIT_PX);
	if (!isnan(g->said.upper))
		svg_segment(&a, a.x0, g->said.upper, a.x1, g->said.upper, LIMIT_PX);
	draw_marks(&a, g);
	svg_clip_end(&a);
	svg_end(out);
}

static void put_group(FILE *out, const struct lot *lot, const struct group *g, unsigned number)
{
	fputs("<figure>", out);
	draw_group(out, lot, g, number);
	fputs("<figcaption>", out);
	if (g->said.limits_differ)
		fputs("The limits were not the same in all runs: those of the first are drawn. ", out);
	if (g->said.missing)
		fprintf(out, "<b class=\"inconclusive\">&#9633; %u without a value that is trusted.</b> ",
			g->said.missing);
	html_text(out, g->words);
	fputs("</figcaption></figure>\n", out);
}

/* ---- the page ----------------------------------------------------------------------------------------------------- */

static void put_count(FILE *out, unsigned count, enum outcome outcome)
{
	if (!count)
		return;
	fprintf(out, "<span class=\"count\">%u ", count);
	html_outcome(out, outcome);
	fputs("</span> ", out);
}

static void put_units(FILE *out, const struct lot *lot)
{
	unsigned of[OUTCOME_FAIL + 1] = {0}, open = 0, again = 0;

	for (unsigned i = 0; i < lot->units; i++) {
		const struct unit *u = &lot->unit[i];
		again += u->runs > 1;
		if (u->verdict || u->worst >= OUTCOME_CONDITIONAL_FAIL)
			of[u->worst]++;
		else
			open++;
	}
	fprintf(out, "<h1 class=\"lot\">%u unit%s</h1>\n<p class=\"counts\">", lot->units, lot->units == 1 ? "" : "s");
	for (int o = OUTCOME_FAIL; o >= OUTCOME_PASS; o--)
		put_count(out, of[o], (enum outcome)o);
	if (open)
		fprintf(out, "<span class=\"count\">%u <span class=\"none\">&#9633; no verdict</span></span>", open);
	fputs("</p>\n", out);
	if (again)
		fprintf(out,
			"<p>%u unit%s ran more than once, and count%s by the worst of these runs; how they stand after "
			"retests says "
			"<code>penrig history --units</code>.</p>\n",
			again, again == 1 ? "" : "s", again == 1 ? "s" : "");
}

static int copy_file(FILE *from, FILE *to)
{
	char bytes[65536];
	size_t n;

	if (fflush(from) != 0 || fseek(from, 0, SEEK_SET) != 0)
		return -EIO;
	while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
		if (fwrite(bytes, 1, n, to) != n)
			return -EIO;
	return ferror(from) ? -EIO : 0;
}

int lot_write(struct lot *lot, const char *made, FILE *out, struct err *err)
{
	char title[80];

	snprintf(title, sizeof(title), "%s%s", lot->lot[0] && !lot->mixed ? "Lot " : "Several units",
		 lot->mixed ? "" : lot->lot);
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n<title>", out);
	html_text(out, title);
	fprintf(out,
		"</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n<style>%s"
		"h1.lot{font-size:30px}.counts{font-size:22px}.count{margin-right:26px;white-space:nowrap}figure{"
		"margin:14px 0;break-inside:avoid}"
		".dut{min-width:9em;overflow-wrap:anywhere}figure "
		"svg{max-width:100%%;height:auto}figcaption{color:#52606d}</style></head>\n<body>\n<p>",
		html_style);
	html_text(out, title);
	fprintf(out, ", %u run%s</p>\n", lot->runs, lot->runs == 1 ? "" : "s");
	put_units(out, lot);
	fputs("<table class=\"dossier\"><tr><th><th>unit<th>verdict<th>started, UTC<th>what was not well, the worst "
	      "first\n",
	      out);
	int rc = copy_file(lot->rows, out);
	fputs("</table>\n<h2>Against the limits</h2>\n", out);
	for (unsigned i = 0; i < lot->groups; i++)
		put_group(out, lot, &lot->group[i], i);
	fputs("<h2>Run by run</h2>\n", out);
	rc = rc ? rc : copy_file(lot->sections, out);
	fputs("<p><small>Made ", out);
	html_text(out, made);
	fputs(". Each run file was as it was written when this page was made: penrig verify says whether it still "
	      "is.</small></p>\n</body>\n</html>\n",
	      out);
	return rc || ferror(out) ? err_set(err, -EIO, "the page cannot be written: %s", strerror(EIO)) : 0;
}
