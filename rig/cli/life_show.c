/* A course for people and for programs. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/life_picture.h"
#include "rig/base/json.h"
#include "rig/base/text_clean.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/life.h"

#define MILLION 1e6

void life_title(const struct life_row *r, char *ret, size_t size)
{
	char at[80];

	if (r->sweep)
		snprintf(at, sizeof(at), "sweeps, %.6g Hz", r->rate_hz);
	else if (isfinite(r->depth_mm))
		snprintf(at, sizeof(at), "%.6g mm, %.6g Hz", r->depth_mm, r->rate_hz);
	else
		snprintf(at, sizeof(at), "%.6g Hz", r->rate_hz);
	snprintf(ret, size, "%s%s%s%s at %s%s%s", measurand_row(r->id)->name, *r->method ? " (" : "", r->method,
		 *r->method ? ")" : "", at, *r->phantom ? ", phantom " : "", r->phantom);
}

/* ---- for people ---------------------------------------------------------------------------------------------------- */

static const char *strokes_text(double strokes, char ret[32])
{
	if (isinf(strokes))
		snprintf(ret, 32, "no end");
	else
		snprintf(ret, 32, "%.0f", strokes);
	return ret;
}

static int by_start(const void *a, const void *b)
{
	const struct life_session *const *p = a, *const *q = b;

	return strcmp((*p)->started, (*q)->started);
}

static void print_sessions(const struct life_study *s, unsigned unit)
{
	const struct life_session **own = calloc(s->sessions + 1, sizeof(*own));
	unsigned n = 0;

	for (unsigned i = 0; i < s->sessions && own; i++)
		if (s->session[i].unit == unit && !s->session[i].other)
			own[n++] = &s->session[i];
	if (own)
		qsort(own, n, sizeof(*own), by_start);
	printf("  %-19s  %-16s %12s %12s  %s\n", "started, UTC", "cartridge", "strokes", "in all", "run");
	for (unsigned i = 0; i < n; i++) {
		printf("  %-19.19s  ", own[i]->started);
		printf("%-16.16s %12.0f %12.0f  ", *own[i]->cartridge ? own[i]->cartridge : "-", own[i]->strokes,
		       own[i]->before + own[i]->strokes);
		print_clean(stdout, own[i]->name);
		puts(own[i]->failed     ? "  FAILED"
		     : own[i]->in_order ? ""
		     : own[i]->judged   ? "  inconclusive"
					: "  no verdict");
	}
	free(own);
}

/* What the strokes in all are made of, beside the sessions, and what of them is not known. */
static void print_elsewhere(const struct life_study *s, const struct life_unit *u)
{
	if (u->others)
		printf("  of these %.0f strokes in %u other run%s of the history\n", u->elsewhere, u->others,
		       u->others == 1 ? "" : "s");
	if (u->by_counter > 0.0)
		printf("  of these %.0f strokes beyond all runs, by the pen's own counter\n", u->by_counter);
	if (u->unread)
		printf("  NOT COUNTED: %u other run%s whose file is gone or altered: the pen is older than it says "
		       "here\n",
		       u->unread, u->unread == 1 ? "" : "s");
	unsigned cut = 0;
	for (unsigned i = 0; i < s->sessions; i++)
		cut += s->session[i].unit == (unsigned)(u - s->unit) && s->session[i].cut;
	if (cut)
		printf("  NOT COUNTED: the last point of %u run%s in which the program was killed: the pen is older "
		       "than it says "
		       "here\n",
		       cut, cut == 1 ? "" : "s");
	if (u->not_judged && s->units > 1)
		printf("  %u session%s without a verdict of pass or fail: its life counts to the last that was in "
		       "order\n",
		       u->not_judged, u->not_judged == 1 ? "" : "s");
	if (s->alone)
		puts("  NOT COUNTED: other runs, for there is no history: the pen may be older than it says here");
}

static void print_left(const struct life_row *r)
{
	char value[32], lo[32], hi[32];

	if (isnan(r->left.value)) {
		printf("    strokes left         not told: %s\n", r->no_left);
		return;
	}
	printf("    strokes left         %s [%s, %s]", strokes_text(r->left.value, value), strokes_text(r->left.lo, lo),
	       strokes_text(r->left.hi, hi));
	if (isfinite(r->lower) && isfinite(r->upper))
		printf(" within %.6g to %.6g %s\n", r->lower, r->upper, measurand_row(r->id)->unit);
	else
		printf(" up to %.6g %s\n", isfinite(r->lower) ? r->lower : r->upper, measurand_row(r->id)->unit);
}

static void print_row(const struct life_row *r)
{
	const struct life_drift *d = &r->drift;
	const char *unit = measurand_row(r->id)->unit;
	char title[240];

	life_title(r, title, sizeof(title));
	printf("\n  %s\n", title);
	if (*r->why_not) {
		printf("    no line: %s\n", r->why_not);
		return;
	}
	printf("    per million strokes  %+.4g [%+.4g, %+.4g] %s%s\n", d->slope.value * MILLION, d->slope.lo * MILLION,
	       d->slope.hi * MILLION, unit, d->slope.lo <= 0.0 && d->slope.hi >= 0.0 ? "; no wear is seen" : "");
	print_left(r);
	printf("    of %u sessions, %.0f degree%s of freedom, sd about the line %.3g %s", d->n, d->dof,
	       d->dof == 1 ? "" : "s", d->sd, unit);
	if (d->cartridges > 1)
		printf(d->levels_apart ? "; a level for each of %u cartridges"
				       : "; %u cartridges on one level: too few sessions",
		       d->cartridges);
	putchar('\n');
}

static void print_lives(const struct life_study *s)
{
	const struct weibull_fit *w = &s->weibull;

	if (s->units < 2)
		return;
	puts("\nlives of the pens, in strokes, by Weibull's distribution");
	if (!s->has_weibull) {
		printf("  %s\n", s->no_weibull);
		return;
	}
	printf("  %u pens, %u failed, the others have lived so long without\n", w->n, w->failures);
	printf("  shape                %.4g [%.4g, %.4g]\n", s->shape.value, s->shape.lo, s->shape.hi);
	printf("  scale, 63 %% failed   %.0f [%.0f, %.0f]\n", s->scale.value, s->scale.lo, s->scale.hi);
	printf("  B%.0f, %.0f %% failed    %.0f [%.0f, %.0f]\n", LIFE_PERCENT, LIFE_PERCENT, s->tenth.value,
	       s->tenth.lo, s->tenth.hi);
}

void life_print(const struct life_study *s)
{
	for (unsigned u = 0; u < s->units; u++) {
		const struct life_unit *unit = &s->unit[u];

		fputs(u ? "\npen " : "pen ", stdout);
		print_clean(stdout, unit->dut);
		printf(": %u session%s, %.0f strokes, %u cartridge%s%s\n", unit->sessions,
		       unit->sessions == 1 ? "" : "s", unit->strokes, unit->cartridges,
		       unit->cartridges == 1 ? "" : "s", unit->failed ? "; FAILED" : "");
		print_sessions(s, u);
		print_elsewhere(s, unit);
		for (unsigned i = 0; i < s->rows; i++)
			if (s->row[i].unit == u)
				print_row(&s->row[i]);
	}
	print_lives(s);
}

/* ---- for programs -------------------------------------------------------------------------------------------------- */

static void put_real(struct json_out *out, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(out, key, value, 17);
	else
		json_out_null(out, key);
}

static void put_interval(struct json_out *out, const char *key, struct interval i, double scale)
{
	struct json_out *object = json_out_add_object(out, key);

	put_real(object, "value", i.value * scale);
	put_real(object, "lower", i.lo * scale);
	put_real(object, "upper", i.hi * scale);
}

static void put_row(struct json_out *list, const struct life_study *s, const struct life_row *r)
{
	struct json_out *out = json_out_add_object(list, NULL);

	json_out_string(out, "dut", s->unit[r->unit].dut);
	json_out_string(out, "measurand", measurand_row(r->id)->name);
	json_out_string(out, "method", *r->method ? r->method : NULL);
	json_out_string(out, "unit", measurand_row(r->id)->unit);
	json_out_string(out, "phantom", *r->phantom ? r->phantom : NULL);
	json_out_bool(out, "sweep", r->sweep);
	put_real(out, "depth_mm", r->depth_mm);
	put_real(out, "rate_hz", r->rate_hz);
	json_out_int(out, "sessions", r->n);
	put_real(out, "lower_limit", r->lower);
	put_real(out, "upper_limit", r->upper);
	json_out_string(out, "why_not", *r->why_not ? r->why_not : NULL);
	if (*r->why_not)
		return;
	put_interval(out, "per_million", r->drift.slope, MILLION);
	put_real(out, "sd", r->drift.sd);
	put_real(out, "degrees_of_freedom", r->drift.dof);
	json_out_bool(out, "levels_apart", r->drift.levels_apart);
	json_out_string(out, "left_not_told", *r->no_left ? r->no_left : NULL);
	if (isnan(r->left.value))
		return;
	put_interval(out, "left", r->left, 1.0);
	json_out_bool(out, "endless", isinf(r->left.value));
}

static void put_units(struct json_out *root, const struct life_study *s)
{
	struct json_out *units = json_out_add_array(root, "units");

	for (unsigned u = 0; u < s->units; u++) {
		struct json_out *out = json_out_add_object(units, NULL);
		json_out_string(out, "dut", s->unit[u].dut);
		put_real(out, "strokes", s->unit[u].strokes);
		json_out_int(out, "cartridges", s->unit[u].cartridges);
		json_out_bool(out, "failed", s->unit[u].failed);
		put_real(out, "life", s->unit[u].life);
		put_real(out, "failed_within", s->unit[u].within);
		json_out_int(out, "sessions_not_judged", s->unit[u].not_judged);
		json_out_int(out, "other_runs", s->unit[u].others);
		put_real(out, "strokes_in_other_runs", s->unit[u].elsewhere);
		put_real(out, "strokes_by_counter", s->unit[u].by_counter);
		json_out_int(out, "runs_not_read", s->unit[u].unread);
		json_out_bool(out, "history_asked", !s->alone);
		struct json_out *sessions = json_out_add_array(out, "sessions");
		for (unsigned i = 0; i < s->sessions; i++)
			if (s->session[i].unit == u && !s->session[i].other) {
				struct json_out *one = json_out_add_object(sessions, NULL);
				json_out_string(one, "run", s->session[i].name);
				json_out_string(one, "started", s->session[i].started);
				json_out_string(one, "cartridge",
						*s->session[i].cartridge ? s->session[i].cartridge : NULL);
				put_real(one, "strokes_before", s->session[i].before);
				put_real(one, "strokes", s->session[i].strokes);
				json_out_bool(one, "failed", s->session[i].failed);
			}
	}
}

static void put_lives(struct json_out *root, const struct life_study *s)
{
	struct json_out *out = json_out_add_object(root, "weibull");

	json_out_string(out, "why_not", s->has_weibull ? NULL : s->no_weibull);
	if (!s->has_weibull)
		return;
	json_out_int(out, "pens", s->weibull.n);
	json_out_int(out, "failures", s->weibull.failures);
	put_real(out, "log_likelihood", s->weibull.log_likelihood);
	put_interval(out, "shape", s->shape, 1.0);
	put_interval(out, "scale", s->scale, 1.0);
	put_interval(out, "b10", s->tenth, 1.0);
}

static const struct table_column columns[] = {
	{"dut", TABLE_STRING, NULL},
	{"measurand", TABLE_STRING, NULL},
	{"method", TABLE_STRING, NULL},
	{"unit", TABLE_STRING, NULL},
	{"phantom", TABLE_STRING, NULL},
	{"sweep", TABLE_BOOLEAN, NULL},
	{"depth_mm", TABLE_NUMBER, "mm"},
	{"rate_hz", TABLE_NUMBER, "Hz"},
	{"sessions", TABLE_INTEGER, "1"},
	{"lower_limit", TABLE_NUMBER, "unit"},
	{"upper_limit", TABLE_NUMBER, "unit"},
	{"why_not", TABLE_STRING, NULL},
	{"per_million/value", TABLE_NUMBER, "unit"},
	{"per_million/lower", TABLE_NUMBER, "unit"},
	{"per_million/upper", TABLE_NUMBER, "unit"},
	{"sd", TABLE_NUMBER, "unit"},
	{"degrees_of_freedom", TABLE_NUMBER, "1"},
	{"levels_apart", TABLE_BOOLEAN, NULL},
	{"left/value", TABLE_NUMBER, "1"},
	{"left/lower", TABLE_NUMBER, "1"},
	{"left/upper", TABLE_NUMBER, "1"},
	{"left_not_told", TABLE_STRING, NULL},
	{"endless", TABLE_BOOLEAN, NULL},
	{.path = NULL},
};
const struct table table_life = {"life", "drifts", columns};

int life_print_form(const struct life_study *s, bool csv, struct err *err)
{
	struct json_out *root = json_out_object();

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	put_units(root, s);
	struct json_out *drifts = json_out_add_array(root, "drifts");
	for (unsigned i = 0; i < s->rows; i++)
		put_row(drifts, s, &s->row[i]);
	put_lives(root, s);
	return table_print(root, &table_life, csv, err);
}

/* ---- as a picture -------------------------------------------------------------------------------------------------- */

static void picture_words(const struct life_row *r, char *ret, size_t size)
{
	const struct life_drift *d = &r->drift;
	char value[32], lo[32], hi[32];
	int n = snprintf(ret, size, "%+.4g [%+.4g, %+.4g] %s per million strokes", d->slope.value * MILLION,
			 d->slope.lo * MILLION, d->slope.hi * MILLION, measurand_row(r->id)->unit);

	if (!isnan(r->left.value) && n > 0 && (size_t)n < size)
		snprintf(ret + n, size - (size_t)n, "; strokes left %s [%s, %s]", strokes_text(r->left.value, value),
			 strokes_text(r->left.lo, lo), strokes_text(r->left.hi, hi));
}

static int draw_row(FILE *out, const struct life_study *s, const struct life_row *r, unsigned number)
{
	struct life_mark *mark = calloc(r->n, sizeof(*mark));
	const struct life_drift *d = &r->drift;
	char title[320], name[240], words[240], label[64];
	double from = INFINITY;

	if (!mark)
		return -ENOMEM;
	unsigned newest = s->unit[r->unit].cartridges - 1;
	for (unsigned i = 0; i < r->n; i++) {
		const struct life_session *session = &s->session[r->value[i].session];
		mark[i] = (struct life_mark){session->before + 0.5 * session->strokes, r->value[i].value,
					     session->cartridge_number};
		if (!d->levels_apart || session->cartridge_number == newest)
			from = fmin(from, mark[i].strokes);
	}
	life_title(r, name, sizeof(name));
	snprintf(title, sizeof(title), "%.60s: %s", s->unit[r->unit].dut, name);
	picture_words(r, words, sizeof(words));
	snprintf(label, sizeof(label), "%s / %s", measurand_row(r->id)->name, measurand_row(r->id)->unit);
	from = isfinite(from) ? from : d->mean_strokes;
	life_picture_draw(
		out,
		&(struct life_picture){.title = title,
				       .words = words,
				       .value_label = label,
				       .n = r->n,
				       .mark = mark,
				       .line_from = from,
				       .line_value = d->mean_value + d->slope.value * (from - d->mean_strokes),
				       .slope = d->slope.value,
				       .now = s->unit[r->unit].strokes,
				       .lower = r->lower,
				       .upper = r->upper,
				       .left_lo = r->left.lo,
				       .left_hi = r->left.hi},
		number);
	free(mark);
	return 0;
}

int life_draw(const char *path, const struct life_study *s, struct err *err)
{
	unsigned count = 0, number = 0;
	FILE *out = fopen(path, "we");
	int rc = out ? 0 : -errno;

	if (!out)
		return err_set(err, rc, "cannot create %s: %s", path, strerror(-rc));
	for (unsigned i = 0; i < s->rows; i++)
		count += !*s->row[i].why_not;
	life_page_begin(out, count);
	for (unsigned i = 0; i < s->rows && !rc; i++)
		if (!*s->row[i].why_not)
			rc = draw_row(out, s, &s->row[i], number++);
	life_page_end(out);
	if (!rc && ferror(out))
		rc = -EIO;
	if (fclose(out) != 0 && !rc)
		rc = -errno;
	return rc ? err_set(err, rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}
