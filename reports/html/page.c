/* NAME.report.html: the run as a page for people. One file, no script, nothing from elsewhere; prints on A4. The first
 * screen says what is known of the pen and what is not well. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/control.h"
#include "reports/digits.h"
#include "reports/html/html.h"
#include "reports/render.h"
#include "reports/report.h"
#include "rig/judge/verdict.h"

const char html_style[] =
	"body{font:15px/1.45 Helvetica,Arial,'DejaVu Sans',sans-serif;color:#1f2933;max-width:1160px;margin:24px "
	"auto;padding:0 20px}"
	"h1{font-size:44px;margin:0 0 4px}h1 span{padding:2px 18px;border:4px "
	"solid;text-transform:uppercase}h2{margin:32px 0 "
	"8px;border-bottom:1px solid #8fa3b8}"
	"h3{margin:24px 0 6px}table{border-collapse:collapse;margin:8px 0 "
	"14px}caption{text-align:left;font-weight:bold;padding:4px 0}"
	"th,td{text-align:left;vertical-align:top;padding:3px 12px 3px 0;border-bottom:1px solid "
	"#e4e9ef;font-weight:normal}"
	"tr:first-child "
	"th{font-weight:bold}.n{white-space:nowrap;font-variant-numeric:tabular-nums}small{color:#52606d}"
	".who th,.made "
	"th{color:#52606d;padding-right:20px;white-space:nowrap}.pass{color:#166534}.conditional_pass,.inconclusive,."
	"none"
	"{color:#92400e}.conditional_fail,.fail{color:#b91c1c}.pass,.conditional_pass,.inconclusive,.conditional_fail,."
	"fail{font-weight:bold;"
	"white-space:nowrap}.failures li{margin:4px 0}.alarm{border:3px solid #b91c1c;padding:8px "
	"14px;font-weight:bold}"
	".statement{white-space:pre-wrap}.hash{font-family:monospace;font-size:12px;word-break:break-all}"
	".graphs,.budgets{display:flex;flex-wrap:wrap;gap:6px 14px}.graphs svg{max-width:100%;height:auto}.budgets "
	"table{margin-right:26px}"
	".why td{padding-left:24px;color:#52606d}tr:has(+.why)>*{border-bottom:none}td>svg{width:100%;min-width:70px}"
	"@media screen and (max-width:600px){h1{font-size:30px}table{display:block;overflow-x:auto}"
	"th,td{padding-right:8px}}"
	"@page{size:A4;margin:14mm}@media "
	"print{body{font-size:11px;max-width:none;margin:0;padding:0}h1{font-size:34px}section,table,svg,tr"
	"{break-inside:avoid}h2,h3{break-after:avoid}section.point,table.results{break-inside:auto}"
	".graphs,.budgets{display:block}.graphs svg{width:49%}.budgets{columns:2}.results svg,.budget "
	"svg{width:70px}.results{table-layout:fixed;width:100%}.results td,.results "
	"th{overflow-wrap:break-word}.results .n{white-space:normal}"
	".results th:nth-child(1){width:22%}.results th:nth-child(2){width:19%}.results "
	"th:nth-child(3){width:13%}.results "
	"th:nth-child(4){width:70px}.results th:nth-child(5){width:11%}.results "
	".conditional_pass,.results .conditional_fail{white-space:normal}"
	"th,td{padding-top:1px;padding-bottom:1px}}";

static void put_verdict(FILE *out, const struct record *record)
{
	char again[160];

	fputs("<h1>", out);
	if (record->has_verdict)
		html_verdict(out, record);
	else
		fputs("<span class=\"none\">&#9633; no verdict</span>", out);
	fputs("</h1>\n<p><big>", out);
	html_text(out, record->verdict_reason);
	if (*render_again(record, again))
		fprintf(out, "; %s", again);
	fputs("</big></p>\n", out);
	if (record->moved && !record->stop_verified) {
		fputs("<p class=\"alarm\">&#10005; STOP UNVERIFIED: the needles may still have been moving. ", out);
		html_text(out, record->stop_text);
		fputs("</p>\n", out);
	}
	if (record->run_status != RUN_COMPLETE) {
		fprintf(out, "<p class=\"alarm\">&#9650; the run: %s. ", run_status_name(record->run_status));
		html_text(out, record->status_reason);
		fputs("</p>\n", out);
	}
}

static void put_risk(FILE *out, const struct record *record)
{
	char bound[DIGITS_TEXT_MAX], largest[DIGITS_TEXT_MAX];
	struct joint_risk joint;

	if (!verdict_risk(record, &joint))
		return;
	digits_risk(joint_risk_bound(&joint), bound);
	digits_risk(joint.largest, largest);
	fprintf(out, "<p>Risk that this pass is wrong, all %u limits together: %s; the largest of one: %s.</p>\n",
		joint.limits, bound, largest);
}

static void put_statement(FILE *out, const struct record *record)
{
	const struct record_file *file = record_file_of(record, "statement");

	if (!record->origin.witness[0] || !file || !file->text)
		return;
	html_row(out, "witness", record->origin.witness);
	fputs("<tr><th>statement<td class=\"statement\">", out);
	html_text(out, file->text);
	fputc('\n', out);
}

/* Who vouches for the run file, as it was found when this page was written. */
static void put_seals(FILE *out, const struct record *record)
{
	static const char *const said[] = {"not checked: ", "holds, key ", "DOES NOT HOLD: "};
	char text[700];

	for (unsigned i = 0; i < record->seals; i++) {
		const struct record_seal *seal = &record->seal[i];
		snprintf(text, sizeof(text), "%s by %s%s at %s (%s): %s%s", seal->meaning,
			 seal->bench ? "the bench " : "", seal->signer, seal->utc, seal->verdict, said[seal->state],
			 seal->state == SEAL_HOLDS ? seal->key_id : seal->why);
		html_row(out, "signed", text);
	}
}

static void put_who(FILE *out, const struct record *record)
{
	char text[400];

	fputs("<table class=\"who\">\n", out);
	html_row(out, "pen", record->dut);
	snprintf(text, sizeof(text), "%s%s%.300s", record->plan_name, record->plan_description[0] ? ": " : "",
		 record->plan_description);
	html_row(out, "plan", text);
	snprintf(text, sizeof(text), "%s%s%s", record->bench_name, record->bench_site[0] ? ", " : "",
		 record->bench_site);
	html_row(out, "bench", text);
	render_made_of(html_row, out, record);
	html_row(out, "golden pen", render_golden(&record->golden, text, sizeof(text)));
	html_row(out, "found", record->bench_found);
	html_row(out, "operator", record->operator_name);
	html_row(out, "override", record->override);
	html_row(out, "lot", record->lot);
	html_row(out, "cartridge", record->cartridge);
	for (unsigned i = 0; i < record->attrs; i++)
		html_row(out, record->attr[i].key, record->attr[i].value);
	snprintf(text, sizeof(text), "%s to %s", record->started_utc, record->ended_utc);
	html_row(out, "when", text);
	render_sessions(html_row, out, record);
	put_seals(out, record);
	if (record->origin.path[0]) {
		snprintf(text, sizeof(text), "%.300s: a recording, not a supervised run", record->origin.path);
		html_row(out, "imported", text);
		html_row(out, "unchecked", record->origin.unchecked);
		put_statement(out, record);
	}
	if (record->judged.number) {
		snprintf(text, sizeof(text), "number %u, %s, by the limits %s", record->judged.number,
			 record->judged.utc, record->judged.limits_name);
		html_row(out, "judged anew", text);
		if (control_words(&record->judged.control, record->judged.approvals, text, sizeof(text)))
			html_row(out, "", text);
	}
	if (record->moved && record->stop_verified)
		html_row(out, "pen's stop", record->stop_text[0] ? record->stop_text : "seen to stand still");
	fputs("</table>\n", out);
}

static void put_hash(FILE *out, const char *name, const char *what, const char *hash)
{
	fputs("<tr><th>", out);
	html_text(out, name);
	fputs("<td>", out);
	html_text(out, what);
	fprintf(out, " <span class=\"hash\">%s</span>\n", hash);
}

static void put_device(FILE *out, const struct record_device *d)
{
	char text[700];

	snprintf(text, sizeof(text), "%s %s, serial number %s, firmware %s, driver %s%s%s", d->identity.maker,
		 d->identity.model, d->identity.serial[0] ? d->identity.serial : "not told",
		 d->identity.firmware[0] ? d->identity.firmware : "not told", d->driver, d->link.uri[0] ? ", " : "",
		 d->link.uri);
	html_row(out, d->role, text);
	if (d->identity.profile[0])
		put_hash(out, "", d->identity.profile, d->identity.profile_sha256);
	if (d->identity.loss[0]) {
		snprintf(text, sizeof(text), "that no sample was lost cannot be proven: %s", d->identity.loss);
		html_row(out, "", text);
	}
	if (!d->calibration.certificate[0])
		return;
	snprintf(text, sizeof(text), "certificate %s of %s, valid through %s", d->calibration.certificate,
		 d->calibration.laboratory, d->calibration.due);
	html_row(out, "", text);
}

static void put_made(FILE *out, const struct record *record)
{
	char text[300];

	fputs("<h2>How it was made</h2>\n<table class=\"made\">\n", out);
	for (unsigned i = 0; i < record->devices; i++)
		put_device(out, &record->device[i]);
	for (unsigned i = 0; i < record->files; i++) {
		const struct record_file *file = &record->file[i];
		put_hash(out, file->kind, file->path, file->sha256);
		if (control_words(&file->control, record->approvals, text, sizeof(text)))
			html_row(out, "", text);
	}
	snprintf(text, sizeof(text), "%s (%s), method %u", record->software_version, record->software_build,
		 record->method);
	html_row(out, "penrig", text);
	snprintf(text, sizeof(text), "%s, %s", record->host, record->host_kernel);
	html_row(out, "computer", text);
	snprintf(text, sizeof(text), "%s.penrig", record->name);
	if (record->journal_head[0])
		put_hash(out, "run file", text, record->journal_head);
	fputs("</table>\n<p><small>Uncertainties are expanded, 95&nbsp;% (GUM). &#9679; pass, &#9650; inside a guard "
	      "band or an "
	      "alarm, &#9633; inconclusive, &#10005; fail. The SHA-256 digests are those of the files as they were, "
	      "and "
	      "of the run file's journal before this report.</small></p>\n",
	      out);
}

static int write_page(const struct record *record, struct runfile_reader *reader, FILE *out, struct err *err)
{
	fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n<title>");
	html_text(out, record->name);
	fprintf(out,
		"</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n<style>%s</style></head>\n<body>\n",
		html_style);
	put_verdict(out, record);
	html_failures(out, record);
	put_risk(out, record);
	put_who(out, record);
	fputs("<h2>Against the limits</h2>\n<div class=\"graphs\">\n", out);
	html_graphs(out, record);
	int rc = reader ? html_temperatures(out, record, reader, err) : 0;
	fputs("</div>\n<h2>Point by point</h2>\n", out);
	html_sweeps(out, record);
	if (rc == 0)
		rc = html_points(out, record, reader, err);
	put_made(out, record);
	fputs("</body>\n</html>\n", out);
	if (rc < 0)
		return rc;
	return ferror(out) ? err_set(err, -EIO, "the page cannot be written: %s", strerror(EIO)) : 0;
}

static int write_html(const struct record *record, FILE *out, struct err *err)
{
	return write_page(record, NULL, out, err);
}

static int write_html_run(const struct record *record, struct runfile_reader *reader, FILE *out, struct err *err)
{
	return write_page(record, reader, out, err);
}

const struct report_writer report_html = {
	.id = "html",
	.extension = ".report.html",
	.description = "a page for people: pictures and tables in one file, to be read or printed",
	.write = write_html,
	.write_run = write_html_run,
};
