/* The protocol of a qualification as a page: the verdict and what is not well first, then each requirement with its evidence. */
#include "reports/qualification.h"

#include <errno.h>
#include <string.h>

#include "reports/html/html.h"

static const struct {
	const char *class, *sign, *word;
} states[] = {
	[QUALIFIED_HOLDS] = {"pass", "&#9679;", "holds"},
	[QUALIFIED_LEFT_OUT] = {"inconclusive", "&#9633;", "left out"},
	[QUALIFIED_UNKNOWN] = {"inconclusive", "&#9633;", "not shown"},
	[QUALIFIED_BROKEN] = {"fail", "&#10005;", "BROKEN"},
};

static void put_state(FILE *out, enum qualified state)
{
	fprintf(out, "<span class=\"%s\">%s %s</span>", states[state].class, states[state].sign, states[state].word);
}

static void cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	html_text(out, text);
}

static void put_head(FILE *out, const struct qualification *q)
{
	enum qualified state = qualification_state(q);
	unsigned of[] = {0, 0, 0, 0};

	for (unsigned i = 0; i < q->requirements; i++)
		of[q->requirement[i].state]++;
	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n<title>%s</title>\n<meta "
		"name=\"viewport\" content=\"width=device-width\">\n<style>%s"
		".evidence td:nth-child(1){width:40%%}.evidence td,.evidence th{font-size:13px;overflow-wrap:anywhere}"
		".sign td{height:44px;min-width:150px}.req{break-inside:auto}@media print{.evidence td,.evidence "
		"th{font-size:9.5px}}</style></head>\n<body>\n",
		q->title, html_style);
	fprintf(out, "<p>%s</p><h1><span class=\"%s\">%s %s</span></h1>\n", q->title, states[state].class,
		states[state].sign,
		state == QUALIFIED_HOLDS    ? "qualified"
		: state == QUALIFIED_BROKEN ? "not qualified"
					    : "incomplete");
	fprintf(out, "<p><big>%u of %u requirements hold", of[QUALIFIED_HOLDS], q->requirements);
	if (of[QUALIFIED_BROKEN])
		fprintf(out, ", %u broken", of[QUALIFIED_BROKEN]);
	if (of[QUALIFIED_UNKNOWN])
		fprintf(out, ", %u could not be shown", of[QUALIFIED_UNKNOWN]);
	if (of[QUALIFIED_LEFT_OUT])
		fprintf(out, ", %u left out", of[QUALIFIED_LEFT_OUT]);
	fputs(".</big></p>\n", out);
}

static void put_broken(FILE *out, const struct qualification *q)
{
	if (qualification_state(q) == QUALIFIED_HOLDS)
		return;
	fputs("<ul class=\"failures\">\n", out);
	for (unsigned i = 0; i < q->requirements; i++) {
		const struct qualified_requirement *r = &q->requirement[i];

		for (unsigned e = 0; e < r->count; e++) {
			if (r->evidence[e].state < QUALIFIED_UNKNOWN)
				continue;
			fputs("<li>", out);
			put_state(out, r->evidence[e].state);
			fprintf(out, " <a href=\"#%s\">%s</a> ", r->id, r->id);
			html_text(out, r->evidence[e].what);
			fputs(": ", out);
			html_text(out, r->evidence[e].found);
			fputc('\n', out);
		}
	}
	fputs("</ul>\n", out);
}

static void put_who(FILE *out, const struct qualification *q, const char *record_sha256)
{
	fputs("<table class=\"who\">\n", out);
	html_row(out, "run by", q->by);
	html_row(out, "began, UTC", q->started_utc);
	html_row(out, "ended, UTC", q->ended_utc);
	for (unsigned i = 0; i < q->facts; i++)
		html_row(out, q->fact[i].name, q->fact[i].value);
	fprintf(out,
		"<tr><th>record<td>this page says what record.json says, whose SHA-256 is <span class=\"hash\">%s"
		"</span>\n</table>\n",
		record_sha256);
	fputs("<table class=\"sign\"><tr><th>meaning<th>printed name<th>date<th>signature"
	      "<tr><td>responsible<td><td><td><tr><td>approved<td><td><td></table>\n"
	      "<p><small>Signed electronically where record.json.minisig and protocol.html.minisig stand beside it: "
	      "<code>minisign -Vm record.json -p KEY.pub</code>, or <code>penrig verify record.json --keys "
	      "KEYS</code>.</small></p>\n",
	      out);
}

static void put_trace(FILE *out, const struct qualification *q)
{
	fputs("<h2>Trace</h2>\n<table><tr><th>requirement<th>what is required<th>stated in<th>checked by<th>result\n",
	      out);
	for (unsigned i = 0; i < q->requirements; i++) {
		const struct qualified_requirement *r = &q->requirement[i];

		fprintf(out, "<tr><td class=\"n\"><a href=\"#%s\">%s</a>", r->id, r->id);
		cell(out, r->text);
		cell(out, r->basis);
		cell(out, r->how);
		fputs("<td>", out);
		put_state(out, r->state);
		fputc('\n', out);
	}
	fputs("</table>\n", out);
}

static void put_evidence(FILE *out, const struct qualified_requirement *r)
{
	fprintf(out, "<section class=\"req\" id=\"%s\"><h3>%s ", r->id, r->id);
	html_text(out, r->text);
	fputs("</h3>\n", out);
	if (!r->count)
		fputs("<p>left out</p>\n", out);
	else
		fputs("<table class=\"evidence\"><tr><th>what was looked at<th>required<th>found<th>\n", out);
	for (unsigned i = 0; i < r->count; i++) {
		fputs("<tr>", out);
		cell(out, r->evidence[i].what);
		cell(out, r->evidence[i].wanted);
		cell(out, r->evidence[i].found);
		fputs("<td>", out);
		put_state(out, r->evidence[i].state);
		fputc('\n', out);
	}
	fputs(r->count ? "</table></section>\n" : "</section>\n", out);
}

static void put_files(FILE *out, const struct qualification *q)
{
	if (!q->files)
		return;
	fputs("<h2>Files</h2>\n<table><tr><th>file<th>package<th>SHA-256\n", out);
	for (unsigned i = 0; i < q->files; i++) {
		fputs("<tr>", out);
		cell(out, q->file[i].path);
		cell(out, q->file[i].owner[0] ? q->file[i].owner : "none");
		fprintf(out, "<td class=\"hash\">%s\n", q->file[i].sha256);
	}
	fputs("</table>\n", out);
}

static void put_anomalies(FILE *out, const struct qualification *q)
{
	fputs("<h2>Known anomalies</h2>\n<table><tr><th><th>what is known<th>what follows from it<th>what to do\n",
	      out);
	for (const struct anomaly *a = q->anomaly; a->id; a++) {
		fprintf(out, "<tr><td class=\"n\">%s", a->id);
		cell(out, a->what);
		cell(out, a->effect);
		cell(out, a->remedy);
		fputc('\n', out);
	}
	fputs("</table>\n", out);
}

int qualification_page(const struct qualification *q, const char *record_sha256, FILE *out, struct err *err)
{
	put_head(out, q);
	put_broken(out, q);
	put_who(out, q, record_sha256);
	put_trace(out, q);
	fputs("<h2>Evidence</h2>\n", out);
	for (unsigned i = 0; i < q->requirements; i++)
		put_evidence(out, &q->requirement[i]);
	put_files(out, q);
	put_anomalies(out, q);
	fputs("</body>\n</html>\n", out);
	return ferror(out) ? err_set(err, -EIO, "the page cannot be written: %s", strerror(EIO)) : 0;
}
