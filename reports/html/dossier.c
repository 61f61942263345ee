/* The page of a dossier. Each run writes a row into several tables, which are put together at the end. */
#include "reports/html/dossier.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reports/control.h"
#include "reports/failures.h"
#include "reports/html/html.h"
#include "rig/judge/verdict.h"

#define WORDS_MAX 1000

enum section {
	SECTION_UNITS,
	SECTION_RUNS,
	SECTION_FAILURES,
	SECTION_ATTEMPTS,
	SECTION_APPROVALS,
	SECTION_CALIBRATIONS,
	SECTION_DEVIATIONS,
	SECTIONS
};

static const struct {
	const char *title, *columns, *none;
} sections[SECTIONS] = {
	[SECTION_UNITS] = {"How each unit stands", "unit<th>stands<th>by", "no run has a verdict"},
	[SECTION_RUNS] =
		{"Runs",
		 "started, UTC<th>unit<th>plan<th>bench<th>operator<th>verdict<th>run<th>file, and whether it is "
		 "as it was written",
		 "none"},
	[SECTION_FAILURES] = {"What was not well", "run<th>where<th>outcome<th>why", "nothing"},
	[SECTION_ATTEMPTS] = {"Attempts that were made again", "run<th>point<th>attempt<th>why", "none"},
	[SECTION_APPROVALS] = {"Approvals and seals", "run<th>of<th>who, when and by which key",
			       "none: nobody approved or sealed any of it"},
	[SECTION_CALIBRATIONS] = {"Calibrations that it rests on",
				  "run<th>device<th>certificate<th>laboratory<th>done<th>due", "none is named"},
	[SECTION_DEVIATIONS] = {"Deviations", "run<th>what<th>why", "none"},
};

struct dossier {
	char title[200];
	unsigned runs, missing, rows[SECTIONS];
	FILE *out[SECTIONS];
	char *text[SECTIONS];
	size_t len[SECTIONS];
};

int dossier_new(const char *title, struct dossier **ret, struct err *err)
{
	struct dossier *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(d->title, sizeof(d->title), "%s", title);
	for (unsigned i = 0; i < SECTIONS; i++) {
		d->out[i] = open_memstream(&d->text[i], &d->len[i]);
		if (d->out[i])
			continue;
		dossier_free(d);
		return err_set(err, -ENOMEM, "out of memory");
	}
	*ret = d;
	return 0;
}

void dossier_free(struct dossier *dossier)
{
	if (!dossier)
		return;
	for (unsigned i = 0; i < SECTIONS; i++) {
		if (dossier->out[i])
			fclose(dossier->out[i]);
		free(dossier->text[i]);
	}
	free(dossier);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

#define WHOLE_MAX 14

/* A serial number or a day is not broken at its hyphens, unless it is long. */
static void put_words(FILE *out, const char *text)
{
	char word[WHOLE_MAX + 1];

	while (*text) {
		size_t n = strcspn(text, " ");
		bool whole = n && n <= WHOLE_MAX && memchr(text, '-', n);

		if (!whole) {
			html_text(out, text);
			return;
		}
		memcpy(word, text, n);
		word[n] = '\0';
		fputs("<span class=\"whole\">", out);
		html_text(out, word);
		fputs("</span>", out);
		text += n;
		if (*text) {
			fputc(' ', out);
			text++;
		}
	}
}

static FILE *begin_row(struct dossier *d, enum section section, const char *first)
{
	FILE *out = d->out[section];

	d->rows[section]++;
	fputs("<tr><td>", out);
	put_words(out, first);
	return out;
}

static void cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	put_words(out, text);
}

__attribute__((format(printf, 4, 5))) static void deviation(struct dossier *d, const char *run, const char *what,
							    const char *fmt, ...)
{
	char text[WORDS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	FILE *out = begin_row(d, SECTION_DEVIATIONS, run);
	cell(out, what);
	cell(out, text);
	fputc('\n', out);
}

void dossier_unit(struct dossier *d, const char *dut, const char *standing, const char *why)
{
	FILE *out = begin_row(d, SECTION_UNITS, dut);

	fputs("<td><b>", out);
	html_text(out, standing);
	fputs("</b>", out);
	cell(out, why);
	fputc('\n', out);
}

void dossier_missing(struct dossier *d, const char *run, const char *why)
{
	d->missing++;
	deviation(d, run, "MISSING", "known of, and not in this dossier: %s", why);
}

/* ---- a run -------------------------------------------------------------------------------------------------------- */

static void add_run(struct dossier *d, const struct dossier_run *run)
{
	const struct record *r = run->record;
	char started[sizeof(r->started_utc)];

	snprintf(started, sizeof(started), "%.10s %.8s", r->started_utc, r->started_utc[0] ? r->started_utc + 11 : "");
	FILE *out = begin_row(d, SECTION_RUNS, started);
	cell(out, r->dut);
	cell(out, r->plan_name);
	cell(out, r->bench_name);
	cell(out, r->operator_name);
	fputs("<td>", out);
	if (r->has_verdict)
		html_verdict(out, r);
	else
		fputs("<span class=\"none\">&#9633; no verdict</span>", out);
	for (unsigned i = 0; i < run->judged; i++) {
		fputs("<br><small>later, by ", out);
		html_text(out, run->verdict[i].limits_name);
		fputs(":</small> ", out);
		html_judged(out, &run->verdict[i]);
	}
	cell(out, run_status_name(r->run_status));
	fputs("<td><a href=\"", out);
	html_text(out, run->path);
	fputs("\">", out);
	html_text(out, r->name);
	fputs("</a><br><small>", out);
	html_text(out, run->checked);
	fputs("</small>\n", out);
	if (!run->sound)
		deviation(d, r->name, "ALTERED OR DAMAGED", "%s", run->checked);
}

struct telling {
	struct dossier *dossier;
	const struct record *record;
};

static void add_failure(void *ctx, const struct failure *failure)
{
	const struct telling *t = ctx;
	FILE *out = begin_row(t->dossier, SECTION_FAILURES, t->record->name);
	char place[200], where[300];

	failure_place(failure, place, sizeof(place));
	bool itself = failure->kind == FAILURE_POINT || failure->kind == FAILURE_NOT_RUN; /* its place is its name */
	snprintf(where, sizeof(where), "%.64s%s%s", itself && place[0] ? "" : failure->name,
		 itself || !place[0] ? "" : " at ", place);
	cell(out, where);
	fputs("<td>", out);
	html_outcome(out, failure->outcome);
	cell(out, failure->reason);
	fputc('\n', out);
}

static void add_attempts(struct dossier *d, const struct record *r)
{
	char text[40];

	for (unsigned i = 0; i < r->points; i++) {
		const struct record_point *p = &r->point[i];

		if (p->counts)
			continue;
		FILE *out = begin_row(d, SECTION_ATTEMPTS, r->name);
		snprintf(text, sizeof(text), "%u", p->plan.number + 1);
		cell(out, text);
		snprintf(text, sizeof(text), "%u", p->attempt);
		cell(out, text);
		cell(out, p->reason[0] ? p->reason : "superseded by a later attempt");
		fputc('\n', out);
	}
}

static void add_approval(struct dossier *d, const struct record *r, const char *of,
			 const struct record_control *control, const char *approvals)
{
	char words[CONTROL_WORDS_MAX];

	if (!control_words(control, approvals, words, sizeof(words)))
		return;
	FILE *out = begin_row(d, SECTION_APPROVALS, r->name);
	cell(out, of);
	cell(out, words);
	fputc('\n', out);
}

static void add_approvals(struct dossier *d, const struct dossier_run *run)
{
	static const char *const said[] = {"not checked: ", "holds, key ", "DOES NOT HOLD: "};
	const struct record *r = run->record;
	char text[WORDS_MAX];

	for (unsigned i = 0; i < r->files; i++) {
		snprintf(text, sizeof(text), "%s %s", r->file[i].kind, r->file[i].path);
		add_approval(d, r, text, &r->file[i].control, r->approvals);
	}
	for (unsigned i = 0; i < run->judged; i++) {
		snprintf(text, sizeof(text), "limits %s", run->verdict[i].limits_path);
		add_approval(d, r, text, &run->verdict[i].control, run->verdict[i].approvals);
	}
	for (unsigned i = 0; i < r->seals; i++) {
		const struct record_seal *s = &r->seal[i];
		FILE *out = begin_row(d, SECTION_APPROVALS, r->name);
		snprintf(text, sizeof(text), "seal %u", s->number);
		cell(out, text);
		snprintf(text, sizeof(text), "%s by %s%s at %s (%s): %s%s", s->meaning, s->bench ? "the bench " : "",
			 s->signer, s->utc, s->verdict, said[s->state], s->state == SEAL_HOLDS ? s->key_id : s->why);
		cell(out, text);
		fputc('\n', out);
	}
}

static void add_calibrations(struct dossier *d, const struct record *r)
{
	char text[200];

	for (unsigned i = 0; i < r->devices; i++) {
		const struct record_device *device = &r->device[i];

		if (!device->calibration.certificate[0])
			continue;
		FILE *out = begin_row(d, SECTION_CALIBRATIONS, r->name);
		snprintf(text, sizeof(text), "%s %s %s", device->role, device->identity.model, device->identity.serial);
		cell(out, text);
		cell(out, device->calibration.certificate);
		cell(out, device->calibration.laboratory);
		cell(out, device->calibration.date);
		cell(out, device->calibration.due);
		fputc('\n', out);
	}
}

static void add_deviations(struct dossier *d, const struct dossier_run *run)
{
	const struct record *r = run->record;

	if (r->override[0])
		deviation(d, r->name, "override", "by %s: %s", r->operator_name, r->override);
	if (r->moved && !r->stop_verified)
		deviation(d, r->name, "STOP UNVERIFIED", "%s", r->stop_text);
	if (r->run_status != RUN_COMPLETE)
		deviation(d, r->name, run_status_name(r->run_status), "%s", r->status_reason);
	if (r->bench_found[0])
		deviation(d, r->name, "bench was found", "%s", r->bench_found);
	if (r->origin.path[0])
		deviation(d, r->name, "a recording", "%s, not a supervised run", r->origin.path);
	if (r->origin.witness[0])
		deviation(d, r->name, "statement", "of %s, for what penrig did not see", r->origin.witness);
	for (unsigned i = 0; i < r->conditions; i++)
		deviation(d, r->name, "the pen reported", "%s", r->condition[i].text);
	for (unsigned i = 0; i < run->dispositions; i++)
		deviation(d, r->name, disposition_words[run->disposition[i].kind], "%s at %s: %s",
			  run->disposition[i].by, run->disposition[i].utc, run->disposition[i].reason);
}

void dossier_add(struct dossier *d, const struct dossier_run *run)
{
	struct telling telling = {.dossier = d, .record = run->record};

	d->runs++;
	add_run(d, run);
	failures_each(run->record, add_failure, &telling);
	add_attempts(d, run->record);
	add_approvals(d, run);
	add_calibrations(d, run->record);
	add_deviations(d, run);
}

/* ---- the page ----------------------------------------------------------------------------------------------------- */

static void put_head(const struct dossier *d, const char *made, FILE *out)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n<title>Dossier of ", out);
	html_text(out, d->title);
	fprintf(out,
		"</title>\n<meta name=\"viewport\" "
		"content=\"width=device-width\">\n<style>%s.whole{white-space:nowrap}</style></"
		"head>\n<body>\n<h1>Dossier of ",
		html_style);
	html_text(out, d->title);
	fprintf(out, "</h1>\n<p>%u run%s", d->runs, d->runs == 1 ? "" : "s");
	if (d->missing)
		fprintf(out, "; <b class=\"fail\">&#10005; %u that are known of are missing</b>", d->missing);
	fputs(". Made ", out);
	html_text(out, made);
	fputs(".</p>\n<p>Every file here is listed with its SHA-256 in manifest.txt: <code>sha256sum -c "
	      "manifest.txt</code>. The runs "
	      "themselves: <code>penrig verify runs/*/*.penrig --keys KEYS</code>, with keys that you trust; "
	      "those in the folder keys are what the sender trusted.</p>\n",
	      out);
}

static int put_section(struct dossier *d, enum section section, FILE *out)
{
	if (fflush(d->out[section]) != 0 || ferror(d->out[section]))
		return -ENOMEM;
	fprintf(out, "<h2>%s</h2>\n", sections[section].title);
	if (!d->rows[section]) {
		fprintf(out, "<p>%s</p>\n", sections[section].none);
		return 0;
	}
	fprintf(out, "<table class=\"dossier\"><tr><th>%s\n", sections[section].columns);
	fwrite(d->text[section], 1, d->len[section], out);
	fputs("</table>\n", out);
	return 0;
}

int dossier_write(struct dossier *d, const char *made, FILE *out, struct err *err)
{
	int rc = 0;

	put_head(d, made, out);
	for (unsigned i = 0; i < SECTIONS && !rc; i++)
		rc = put_section(d, (enum section)i, out);
	fputs("</body>\n</html>\n", out);
	if (rc)
		return err_set(err, rc, "out of memory");
	return ferror(out) ? err_set(err, -EIO, "the page cannot be written: %s", strerror(EIO)) : 0;
}
